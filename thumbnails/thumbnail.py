"""Thumbnail: a small WebP of each output image. Invoked by the rule on stored jobs.

The function runs after the job has ended; it never delays a job. It is a separate artifact, because
Pillow is larger than all dependencies of the other functions together.
"""

import base64
import io
import tempfile
import warnings
from functools import cache
from typing import IO, TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = Logger()

SIDE = 320  # pixels of the longer side
FOLDER = "thumbnails"
# Object metadata in the assets bucket: the caller that owns the object.
CALLER_METADATA = "darkroom-caller"
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
    """Create the thumbnails of one job; assets that are missing or not images have none."""
    detail = event["detail"]
    logger.set_correlation_id(detail["job_id"])
    outcomes = [_create(asset, index, detail) for index, asset in enumerate(detail["assets"])]
    logger.info("thumbnails", outcomes=outcomes)
    return {"outcomes": outcomes}


def key_of(job_id: str, index: int) -> str:
    """Return the key of an asset's thumbnail in the assets bucket."""
    return f"{FOLDER}/{job_id}/{index}.webp"


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


def _create(asset: dict[str, Any], index: int, detail: dict[str, Any]) -> str:
    image_format = _FORMATS.get(asset["content_type"])
    if image_format is None:
        return "no picture"
    try:
        body = _s3().get_object(Bucket=asset["bucket"], Key=asset["key"])["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND:
            raise
        return "gone"
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        for chunk in body.iter_chunks(1 << 20):
            file.write(chunk)
        file.seek(0)
        thumbnail = shrink(file, image_format)
    if thumbnail is None:
        return "unreadable"
    return _store(asset["bucket"], key_of(detail["job_id"], index), thumbnail, detail)


def _store(bucket: str, key: str, thumbnail: bytes, detail: dict[str, Any]) -> str:
    try:
        _s3().put_object(
            Bucket=bucket,
            Key=key,
            Body=thumbnail,
            ContentType="image/webp",
            CacheControl="private, max-age=31536000, immutable",
            Metadata={
                CALLER_METADATA: encode(detail["caller"]),
                "darkroom-job-id": detail["job_id"],
            },
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _KEY_EXISTS:
            raise
        return "there already"
    return "made"


def encode(text: str) -> str:
    """Return `text` encoded for a header (RFC 2047), like all object metadata in the bucket."""
    plain = text.isascii() and text.isprintable() and text == text.strip()
    if plain and not text.startswith("=?"):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode(errors='replace')).decode()}?="


@cache
def _s3() -> "S3Client":
    return boto3.client("s3")
