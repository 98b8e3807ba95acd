"""Command-line options that describe an image, and the API request built from them."""

import re
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from typer.models import OptionInfo

from darkroom_cli import files
from darkroom_cli.client import Client
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.outputs import Destination
from darkroom_cli.text import read_stdin

_REFERENCE_SCHEMES = ("https://", "s3://", "upload:", "data:")
_MAX_IMAGES = 16
_PLACEHOLDER_URL = "https://example.com/reference-{}.png"

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def check_id(value: str | None) -> str | None:
    """Return an id from the command line; raises CliError if nothing can have it."""
    if value is not None and not _ID.fullmatch(value):
        raise CliError(Exit.BAD_REQUEST, f'"{value}" is not the id of a job, batch or key.')
    return value


JobId = Annotated[str, typer.Argument(callback=check_id, help="The id of the job.")]
Prompt = Annotated[str, typer.Argument(help="The prompt; - reads it from stdin.")]
# The option of each image setting. The API validates the values, and applies its defaults.
SETTINGS: dict[str, OptionInfo] = {
    "quality": typer.Option("--quality", help="low, medium or high."),
    "resolution": typer.Option("--resolution", help="1k, 2k or 4k."),
    "aspect_ratio": typer.Option("--aspect-ratio", help="1:1, 16:9, …"),
    "output_format": typer.Option("--format", help="png, jpeg or webp."),
}
Deadline = Annotated[int | None, typer.Option(help="Seconds until an unfinished job fails.")]
Then = Annotated[
    str | None, typer.Option(help="JSON file with a list of further steps: a chain (docs/http.md).")
]
Wait = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="Wait until the job ends, or print its id and exit."),
]
Timeout = Annotated[
    int | None, typer.Option(help="Seconds to wait at most. Jobs continue after the timeout.")
]
Out = Annotated[
    str | None, typer.Option("--out", "-o", help="Folder, or file name with an image's extension.")
]
MAX_COUNT = 8
Count = Annotated[
    int,
    typer.Option(
        "--count", "-n", min=1, max=MAX_COUNT, help="Number of jobs, each charged separately."
    ),
]
Once = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", help="The same key and request return the same job, charged once."
    ),
]


class Settings(dict[str, str]):
    """The image settings of a command line. A command with this parameter has all their options."""

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Self:
        """Remove the image settings from `options`, and return those that are set."""
        values = {name: options.pop(name) for name in SETTINGS}
        return cls({name: value for name, value in values.items() if value is not None})


def body(prompt: str, settings: Settings, deadline: int | None = None) -> dict[str, Any]:
    """Return a text-to-image request."""
    request: dict[str, Any] = {
        "operation": "text-to-image",
        "prompt": read_stdin() if prompt == "-" else prompt,
        **settings,
    }
    return request if deadline is None else {**request, "deadline_seconds": deadline}


def with_placeholders(request: dict[str, Any], images: int) -> dict[str, Any]:
    """Return the request as an edit of this number of images, for its price.

    The price depends only on their number; the API does not fetch them.
    """
    urls = [_PLACEHOLDER_URL.format(number) for number in range(images)]
    return {**request, "operation": "edit", "images": urls} if images else request


def with_format(settings: Settings, destination: Destination | None) -> Settings:
    """Return the settings with the format that the file name of the output asks for."""
    implied = destination and destination.format
    return Settings({"output_format": implied, **settings}) if implied else settings


def references(client: Client, images: list[str]) -> list[str]:
    """Return the reference of each image; local files are checked, then uploaded."""
    if len(images) > _MAX_IMAGES:
        message = f"At most {_MAX_IMAGES} reference images; {len(images)} were given."
        raise CliError(Exit.BAD_REQUEST, message)
    checked = [
        image if image.startswith(_REFERENCE_SCHEMES) else files.image(Path(image))
        for image in images
    ]
    return [each if isinstance(each, str) else client.upload(each) for each in checked]
