"""Thumbnail: a small webp of each picture, beside nobody's way. Called by the rule on stored jobs.

An artifact of its own: Pillow is larger than all that the other functions need together.
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
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = Logger()

SIDE = 320  # pixels, the longer one
FOLDER = "thumbnails"
# On everything that lies in the assets bucket: the caller whose it is.
CALLER_METADATA = "darkroom-caller"
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_IN_MEMORY = 4_000_000  # bytes of a picture before it goes to the disk
# Twice what the provider makes at 4k; a file that unpacks to more is none of its pictures.
_MAX_PIXELS = 40_000_000
_UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
)
_TAKEN = frozenset({"PreconditionFailed", "412"})
_GONE = frozenset({"NoSuchKey", "404"})


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Make the thumbnails of one job; what is no picture, or gone, has none."""
    detail = event["detail"]
    logger.set_correlation_id(detail["job_id"])
    made = [_make(asset, index, detail) for index, asset in enumerate(detail["assets"])]
    logger.info("thumbnails", outcomes=made)
    return {"outcomes": made}


def key_of(job_id: str, index: int) -> str:
    """Return where the thumbnail of a job's asset lies in the assets bucket."""
    return f"{FOLDER}/{job_id}/{index}.webp"


def shrink(file: IO[bytes], form: str) -> bytes | None:
    """Return the picture as a small webp; None if it is no picture of this form."""
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(file, formats=[form]) as picture,
        ):
            picture.draft("RGB", (SIDE, SIDE))  # a JPEG is unpacked no larger than that needs
            picture.thumbnail((SIDE, SIDE))
            mode = "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
            out = io.BytesIO()
            picture.convert(mode).save(out, "WEBP", quality=80)
    except _UNREADABLE:
        return None
    return out.getvalue()


def _make(asset: dict[str, Any], index: int, detail: dict[str, Any]) -> str:
    form = _FORMATS.get(asset["content_type"])
    if form is None:
        return "no picture"
    try:
        body = _s3().get_object(Bucket=asset["bucket"], Key=asset["key"])["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return "gone"
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        for chunk in body.iter_chunks(1 << 20):
            file.write(chunk)
        file.seek(0)
        small = shrink(file, form)
    if small is None:
        return "unreadable"
    return _put(asset["bucket"], key_of(detail["job_id"], index), small, detail)


def _put(bucket: str, key: str, small: bytes, detail: dict[str, Any]) -> str:
    try:
        _s3().put_object(
            Bucket=bucket,
            Key=key,
            Body=small,
            ContentType="image/webp",
            CacheControl="private, max-age=31536000, immutable",
            Metadata={
                CALLER_METADATA: encode(detail["caller"]),
                "darkroom-job-id": detail["job_id"],
            },
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _TAKEN:
            raise
        return "there already"
    return "made"


def encode(text: str) -> str:
    """Return `text` as a header may hold it: as all else in the bucket has it (RFC 2047)."""
    plain = text.isascii() and text.isprintable() and text == text.strip()
    if plain and not text.startswith("=?"):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode(errors='replace')).decode()}?="


@cache
def _s3() -> "S3Client":
    return boto3.client("s3")
