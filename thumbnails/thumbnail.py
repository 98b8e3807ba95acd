"""Thumbnail: a small WebP of each output image. Invoked by the rule on stored jobs.

The function runs after the job has ended; it never delays a job. It is a separate artifact, because
Pillow is larger than all dependencies of the other functions together.
"""

import io
import tempfile
import warnings
from functools import cache
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = Logger()

SIDE = 640  # pixels of the longer side; a wide image of the studio's gallery has about as many
FOLDER = "thumbnails"
# Metadata of the assets: the caller that owns the object, and its job.
CALLER_METADATA, JOB_ID_METADATA = "darkroom-caller", "darkroom-job-id"
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_IN_MEMORY = 4_000_000  # bytes; larger images are spooled to disk
# Twice the pixels of a 4k output. A larger image is not one of the provider's outputs.
_MAX_PIXELS = 40_000_000
_UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
)
_KEY_EXISTS = frozenset({"PreconditionFailed", "412"})
_NOT_FOUND = frozenset({"NoSuchKey", "404"})


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Create the thumbnails of one job; assets that are missing or not images have none.

    The event only says where to look: the job and the owner are in the metadata of each asset.
    """
    detail = event["detail"]
    logger.set_correlation_id(detail["job_id"])
    outcomes = [_create(asset) for asset in detail["assets"]]
    logger.info("thumbnails", outcomes=outcomes)
    return {"outcomes": outcomes}


def key_of(job_id: str, asset_key: str) -> str:
    """Return the key of an asset's thumbnail in the assets bucket."""
    return f"{FOLDER}/{job_id}/{PurePosixPath(asset_key).stem}.webp"


def shrink(file: IO[bytes], image_format: str) -> bytes | None:
    """Return the image as a small WebP, or None if it is not a readable image of this format."""
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(file, formats=[image_format]) as image,
        ):
            image.draft("RGB", (SIDE, SIDE))  # decode a JPEG at reduced size
            image.thumbnail((SIDE, SIDE))
            # The WebP has no metadata, so the pixels get the orientation that browsers show.
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):
                upright = upright.point(lambda level: level / 256).convert("L")
            mode = "RGBA" if "A" in upright.getbands() or "transparency" in upright.info else "RGB"
            out = io.BytesIO()
            upright.convert(mode).save(out, "WEBP", quality=80)
    except _UNREADABLE:
        return None
    return out.getvalue()


def _create(asset: dict[str, Any]) -> str:
    image_format = _FORMATS.get(asset["content_type"])
    if image_format is None:
        return "no picture"
    try:
        stored = _s3().get_object(Bucket=asset["bucket"], Key=asset["key"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND:
            raise
        return "gone"
    owner = {name: stored["Metadata"].get(name, "") for name in (CALLER_METADATA, JOB_ID_METADATA)}
    if not all(owner.values()):
        return "no asset"
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        for chunk in stored["Body"].iter_chunks(1 << 20):
            file.write(chunk)
        file.seek(0)
        thumbnail = shrink(file, image_format)
    if thumbnail is None:
        return "unreadable"
    return _store(asset["bucket"], key_of(owner[JOB_ID_METADATA], asset["key"]), thumbnail, owner)


def _store(bucket: str, key: str, thumbnail: bytes, owner: dict[str, str]) -> str:
    try:
        _s3().put_object(
            Bucket=bucket,
            Key=key,
            Body=thumbnail,
            ContentType="image/webp",
            CacheControl="private, max-age=31536000, immutable",
            Metadata=owner,
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _KEY_EXISTS:
            raise
        return "there already"
    return "made"


@cache
def _s3() -> "S3Client":
    return boto3.client("s3")
