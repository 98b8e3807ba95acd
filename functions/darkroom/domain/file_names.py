"""Names of saved outputs: from the prompt and the job's id, so that no output replaces another."""

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

from darkroom.domain.batch import Batch
from darkroom.domain.job import Asset, Job
from darkroom.domain.references import S3Object

URL_SECONDS = 3600  # validity of presigned URLs
type Presign = Callable[[S3Object, int, str | None], str]

_MAX_WORDS = 40  # characters of the prompt's words
_SHORT_ID = 8  # characters of the job's id
_MAX_NAME_BYTES = 200  # of a file name without its extension; file systems permit 255
# What a file system refuses or a terminal obeys, and characters that show nothing. The joiners
# U+200C and U+200D and the variation selectors are part of words and emoji.
_NOT_IN_NAMES = re.compile(
    r'(?:[/\\:*?"<>|]|'
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
    "\U000e01f0-\U000e0fff])+"
)
# Types that a browser shows without running code. It saves all others: an SVG can run scripts.
_SHOWN = re.compile(r"image/(avif|gif|jpeg|png|webp)|audio/.*|video/.*")


def file_name(job: Job, asset: Asset) -> str:
    """Return the file name of an output: `a-red-bicycle-va25h4nu.png`."""
    extension = asset.key.rpartition("/")[2].rpartition(".")[2]
    index = job.assets.index(asset)
    number = f"-{index + 1}" if index else ""
    words = slug(str(job.input.get("prompt", ""))) or str(job.operation)
    return f"{words}-{job.job_id[:_SHORT_ID]}{number}.{extension}"


def shared_name(job: Job, asset: Asset) -> str:
    """Return the file name of a shared output: `image-va25h4nu.png`, without the prompt's words."""
    return file_name(job.model_copy(update={"input": {"prompt": "image"}}), asset)


def asset_url(job: Job, asset: Asset, presign: Presign) -> str:
    """Return a presigned URL of a stored output. Browsers show it, or save it under its name."""
    name = disposition(file_name(job, asset), asset.content_type)
    return presign(S3Object(bucket=asset.bucket, key=asset.key), URL_SECONDS, name)


def download_url(job: Job, asset: Asset, presign: Presign) -> str:
    """Return a presigned URL of a stored output that browsers save under its file name."""
    location = S3Object(bucket=asset.bucket, key=asset.key)
    return presign(location, URL_SECONDS, attachment(file_name(job, asset)))


def output_urls(job: Job, presign: Presign) -> list[str]:
    """Return a presigned URL of each stored output of a job."""
    return [asset_url(job, asset, presign) for asset in job.assets]


def row_name(row_id: str | None, number: int) -> str:
    """Return the file name of a row of a batch, without an extension: its id or its number.

    The name is visible, not hidden, and not like an option.
    """
    text = _NOT_IN_NAMES.sub("-", row_id or "").strip(" .-")
    return text.encode()[:_MAX_NAME_BYTES].decode(errors="ignore") or f"row-{number}"


def zip_name(batch: Batch, number: int) -> str:
    """Return the file name of a zip file, such as `autumn-cmjb2hb7-images-2-of-3.zip`."""
    parts = len(batch.zip_parts)
    return results_name(batch, f"images-{number}-of-{parts}.zip" if parts > 1 else "images.zip")


def results_name(batch: Batch, name: str) -> str:
    """Return the file name of a batch's results, such as `autumn-cmjb2hb7-results.csv`."""
    words = slug(batch.name.rpartition(".")[0] or batch.name) or "batch"
    return f"{words}-{batch.batch_id[:_SHORT_ID]}-{name}"


def slug(text: str) -> str:
    """Return the first words of a text for a file name: letters and digits, joined by dashes."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    name = words[0][:_MAX_WORDS] if words else ""
    for word in words[1:]:
        if len(name) + len(word) >= _MAX_WORDS:
            break
        name = f"{name}-{word}"
    return name


def disposition_kind(content_type: str) -> str:
    """Return whether browsers show a file of this type (`inline`) or save it (`attachment`)."""
    return "inline" if _SHOWN.fullmatch(content_type) else "attachment"


def disposition(name: str, content_type: str) -> str:
    """Return the Content-Disposition of an output, so that browsers save it under its name."""
    return f"{disposition_kind(content_type)}; {_names(name)}"


def attachment(name: str) -> str:
    """Return the Content-Disposition of a file that browsers save instead of showing it."""
    return f"attachment; {_names(name)}"


def _names(name: str) -> str:
    """Return the parameters of a Content-Disposition: the name in ASCII, and as it is."""
    plain = name.encode("ascii", "ignore").decode()
    encoded = "" if name.isascii() else f"; filename*=UTF-8''{quote(name)}"
    return f'filename="{plain}"{encoded}'
