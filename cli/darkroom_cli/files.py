"""Local files that can be uploaded: type and size are checked before the upload."""

import math
import stat
from dataclasses import dataclass
from pathlib import Path

from darkroom_cli.errors import CliError, Exit

# The API has the same limits.
MAX_IMAGE_BYTES = 20_000_000
MAX_BATCH_FILE_BYTES = 32_000_000
_MAGIC_BYTES = 16
# (offset, magic bytes, content type)
_IMAGE_TYPES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
)
_BATCH_FILE_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".txt": "text/csv",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".json": "application/x-ndjson",
}
# (offset, magic bytes, name) of formats that the API rejects.
_UNSUPPORTED_MAGIC = (
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypavif", "AVIF"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"%PDF", "PDF"),
)
_USE_A_FILE = "Pass a file, or a reference that begins with https://, s3:// or upload:"
_UNSUPPORTED_SUFFIXES = {
    ".heic": "HEIC", ".heif": "HEIF", ".avif": "AVIF", ".gif": "GIF", ".bmp": "BMP",
    ".tif": "TIFF", ".tiff": "TIFF", ".svg": "SVG", ".pdf": "PDF", ".psd": "PSD",
}  # fmt: skip


@dataclass(frozen=True)
class LocalFile:
    """A file that the API accepts, with its content type."""

    path: Path
    content_type: str

    def read(self) -> bytes:
        """Return the content; raises CliError."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise _unreadable(self.path, error) from None


def any_file(path: Path) -> LocalFile:
    """Return a file for the input of a model; raises CliError if the API would reject its size.

    The API judges its type by its bytes.
    """
    _check_size(path, _size(path), MAX_BATCH_FILE_BYTES)
    return LocalFile(path, "application/octet-stream")


def image(path: Path) -> LocalFile:
    """Return a reference image; raises CliError if the API would reject its format or size."""
    size = _size(path)
    try:
        with path.open("rb") as file:
            head = file.read(_MAGIC_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from None
    for offset, magic, content_type in _IMAGE_TYPES:
        if head.startswith(magic, offset):
            _check_size(path, size, MAX_IMAGE_BYTES)
            return LocalFile(path, content_type)
    unsupported = _unsupported_format(path, head)
    if unsupported:
        message = f"{unsupported} is not supported. Export {path} as JPEG."
    else:
        message = f"{path} is not an image. Use PNG, JPEG or WebP."
    raise CliError(Exit.BAD_REQUEST, message)


def batch_file(path: Path) -> LocalFile:
    """Return a batch file; raises CliError if the API would reject its format or size."""
    content_type = _BATCH_FILE_TYPES.get(path.suffix.lower())
    if content_type is None:
        hint = "Export it as CSV UTF-8 or JSON Lines. A file in S3 begins with s3://"
        raise CliError(Exit.BAD_REQUEST, f"{path} is not a CSV or JSONL file.", hint)
    _check_size(path, _size(path), MAX_BATCH_FILE_BYTES)
    return LocalFile(path, content_type)


def _unsupported_format(path: Path, head: bytes) -> str | None:
    for offset, magic, name in _UNSUPPORTED_MAGIC:
        if head.startswith(magic, offset):
            return name
    return _UNSUPPORTED_SUFFIXES.get(path.suffix.lower())


def _size(path: Path) -> int:
    """Return the size of a file in bytes; raises CliError for a folder or a pipe."""
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(status.st_mode):
        raise CliError(Exit.BAD_REQUEST, f"{path} is a folder.", _USE_A_FILE)
    if not stat.S_ISREG(status.st_mode):
        raise CliError(Exit.BAD_REQUEST, f"{path} is not a file. Save its content to a file first.")
    return status.st_size


def _check_size(path: Path, size: int, limit: int) -> None:
    if size == 0:
        raise CliError(Exit.BAD_REQUEST, f"{path} is empty.")
    if size > limit:
        message = f"{path} is {_megabytes(size)}; the limit is {_megabytes(limit)}."
        raise CliError(Exit.BAD_REQUEST, message)


def _megabytes(size: int) -> str:
    """Return a size in MB, rounded up to one decimal: a file over the limit never equals it."""
    return f"{math.ceil(size / 100_000) / 10:g} MB"


def _unreadable(path: Path, error: OSError) -> CliError:
    if isinstance(error, FileNotFoundError):
        return CliError(Exit.BAD_REQUEST, f"{path} does not exist.", _USE_A_FILE)
    return CliError(Exit.BAD_REQUEST, f"Cannot read {path}: {error.strerror}.")
