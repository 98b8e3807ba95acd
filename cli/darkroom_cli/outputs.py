"""Files of outputs: their names, and their creation without replacing an existing file."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from darkroom_cli.client import Client, Json
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.text import UNSAFE

# A path that ends in one of these is a file, and any other path is a folder.
FILE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".avif", ".heic", ".svg", ".mp4", ".mov",
     ".webm", ".m4a", ".mp3", ".wav", ".aac", ".ogg", ".flac", ".glb", ".ply", ".stl", ".obj",
     ".fbx", ".zip", ".json", ".txt"}
)  # fmt: skip
# The output format that a file name asks for.
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".jfif": "jpeg", ".webp": "webp"}
_MAX_NAME_BYTES = 200  # of a file name without its extension; file systems permit 255
_NOT_IN_NAMES = re.compile(rf'(?:[\n/\\:*?"<>|]|{UNSAFE.pattern})+')


@dataclass(frozen=True)
class Destination:
    """Where the outputs of a job are saved: a folder, or one file."""

    folder: Path
    file: Path | None = None

    @classmethod
    def of(cls, out: str | None) -> "Destination":
        """Return the destination of --out, and create its folder. Raises CliError.

        A command calls this before it submits a job: no paid image lacks a place.
        """
        path = Path(out or ".")
        is_folder = out is None or out.endswith(("/", os.sep)) or os.path.isdir(path)  # noqa: PTH112 - never raises
        is_file = not is_folder and path.suffix.lower() in FILE_SUFFIXES
        destination = cls(path.parent, path) if is_file else cls(path)
        make_folder(destination.folder)
        return destination

    @property
    def format(self) -> str | None:
        """The output format that the file name asks for; None without a name."""
        return None if self.file is None else FORMATS.get(self.file.suffix.lower())

    def check_image_name(self) -> None:
        """Raise CliError if the file name has an extension that GPT Image 2 does not write."""
        if self.file is not None and self.format is None:
            message = (
                f"--out {self.file} must end in .png, .jpg or .webp: GPT Image 2 writes these."
            )
            raise CliError(Exit.USAGE, message)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents; raises CliError if files cannot be created in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CliError(Exit.USAGE, f"Cannot create {folder}: {reason}.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CliError(Exit.USAGE, f"Cannot write to {folder.absolute()}: Permission denied.")


def save(
    client: Client, job: Json, destination: Destination, name: str | None = None
) -> list[Path]:
    """Save every output of a job; return the paths. Raises CliError.

    `name` is the file name without its extension; the default is the name from the API.
    """
    paths = []
    for asset in job["assets"]:
        default = _name(Path(str(asset.get("filename") or asset["key"])).name) or "output"
        file_name = default if name is None else f"{name}{Path(default).suffix}"
        path = destination.file or destination.folder / file_name
        retry = f"darkroom jobs open {job['job_id']}"
        paths.append(download(client, asset["url"], path, retry, asset.get("sha256")))
    return paths


def download(client: Client, url: str, path: Path, retry: str, sha256: str | None = None) -> Path:
    """Save the body of a presigned URL to a new file; return its path. Raises CliError.

    The path gets a number if a file has its name, unless the file has this SHA-256. `retry` is the
    command that repeats the download.
    """
    try:
        for number in count(1):
            numbered = path.with_name(f"{path.stem}-{number}{path.suffix}") if number > 1 else path
            try:
                file = numbered.open("xb")
            except FileExistsError:
                if sha256 is not None and _has_digest(numbered, sha256):
                    return numbered
                continue
            with _removed_after_an_error(numbered), file:
                client.download(url, file)
            return numbered
    except OSError as error:
        reason = f"Cannot save {path}: {error.strerror or type(error).__name__}."
        raise CliError(Exit.INTERNAL, reason, f"Try again with: {retry}") from None
    except CliError as error:
        reason = f"Cannot save {path}: {error.message}"
        raise CliError(error.code, reason, f"Try again with: {retry}") from None
    raise AssertionError("unreachable")


def row_name(row: Json) -> str:
    """Return the file name of a row of a batch, without an extension: its id or its number."""
    text = _name(str(row.get("id") or ""))
    return text.encode()[:_MAX_NAME_BYTES].decode(errors="ignore") or f"row-{row['row']}"


def _name(text: str) -> str:
    """Return text of the API as a file name: visible, not hidden, and not like an option."""
    return _NOT_IN_NAMES.sub("-", text).strip(" .-")


def _has_digest(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:  # a folder, or a file that cannot be read
        return False


@contextmanager
def _removed_after_an_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
