"""Command-line options that describe an image, and the API request built from them."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.models import OptionInfo

from darkroom_cli import files
from darkroom_cli.client import Client
from darkroom_cli.errors import CliError, Exit

_REFERENCE_SCHEMES = ("https://", "s3://", "upload:", "data:")
_MAX_IMAGES = 16

Prompt = Annotated[str, typer.Argument(help="The prompt; - reads it from stdin.")]
# The option of each image setting. The API validates the values, and applies its defaults.
SETTINGS: dict[str, OptionInfo] = {
    "quality": typer.Option("--quality", help="low, medium or high."),
    "resolution": typer.Option("--resolution", help="1k, 2k or 4k."),
    "aspect_ratio": typer.Option("--aspect-ratio", help="1:1, 16:9, …"),
    "output_format": typer.Option("--format", help="png, jpeg or webp."),
}
Deadline = Annotated[int | None, typer.Option(help="Seconds until an unfinished job fails.")]
Wait = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="Wait until the job ends, or print its id and exit."),
]
Timeout = Annotated[
    int | None, typer.Option(help="Seconds to wait at most. Jobs continue after the timeout.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder or file name for the image.")]
Once = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", help="The same key and request return the same job, charged once."
    ),
]


class Settings(dict[str, str]):
    """The image settings of a command line. A command with this parameter has all their options."""


def body(prompt: str, settings: Settings, deadline: int | None = None) -> dict[str, Any]:
    """Return a text-to-image request."""
    request: dict[str, Any] = {
        "operation": "text-to-image",
        "prompt": sys.stdin.read().strip() if prompt == "-" else prompt,
        **settings,
    }
    return request if deadline is None else {**request, "deadline_seconds": deadline}


def references(client: Client, images: list[str]) -> list[str]:
    """Return the reference of each image; local files are checked, then uploaded."""
    if len(images) > _MAX_IMAGES:
        message = f"At most {_MAX_IMAGES} reference images; {len(images)} were given."
        raise CliError(Exit.BAD_REQUEST, message)
    checked = [image if image.startswith(_REFERENCE_SCHEMES) else _file(image) for image in images]
    return [each if isinstance(each, str) else client.upload(each) for each in checked]


def _file(image: str) -> files.LocalFile:
    if not Path(image).is_file():
        hint = "Pass an image file, or a reference that begins with https://, s3:// or upload:"
        raise CliError(Exit.BAD_REQUEST, f"{image} does not exist.", hint)
    return files.image(Path(image))
