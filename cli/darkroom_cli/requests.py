"""Command-line options that describe an image, and the API request built from them."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from typer.models import OptionInfo

from darkroom_cli import files
from darkroom_cli.client import Client
from darkroom_cli.errors import CliError, Exit
from darkroom_cli.model_input import read_steps
from darkroom_cli.options import Options
from darkroom_cli.outputs import Destination
from darkroom_cli.text import read_stdin

_REFERENCE_SCHEMES = ("https://", "s3://", "upload:", "data:")
_MAX_IMAGES = 16
_PLACEHOLDER_URL = "https://example.com/reference-{}.png"

Prompt = Annotated[str, typer.Argument(help="The prompt; - reads it from stdin.")]
# The option of each image setting. The API validates the values, and applies its defaults.
SETTINGS: dict[str, OptionInfo] = {
    "quality": typer.Option("--quality", help="low, medium or high."),
    "resolution": typer.Option("--resolution", help="1k, 2k or 4k."),
    "aspect_ratio": typer.Option("--aspect-ratio", help="1:1, 16:9, …"),
    "output_format": typer.Option("--format", help="png, jpeg or webp."),
}


@dataclass(frozen=True)
class JobOptions(Options):
    """The options of a new job of any model."""

    deadline: Annotated[int | None, typer.Option(help="Seconds until an unfinished job fails.")] = (
        None
    )
    then: Annotated[
        str | None,
        typer.Option(help="JSON file with a list of further steps: a chain (docs/http.md)."),
    ] = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of the request; raises CliError if the file is not valid."""
        deadline = {} if self.deadline is None else {"deadline_seconds": self.deadline}
        return deadline | read_steps(self.then)


class Settings(Options, dict[str, str]):
    """The image settings of a command line that are set."""

    @classmethod
    def parameters(cls) -> Iterator[inspect.Parameter]:
        """Yield the option of each setting."""
        for name, option in SETTINGS.items():
            annotation = Annotated[str | None, option]
            yield inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
            )

    @classmethod
    def taken_from(cls, values: dict[str, Any]) -> Self:
        """Remove the image settings from `values`, and return those that are set."""
        taken = {name: values.pop(name) for name in SETTINGS}
        return cls({name: value for name, value in taken.items() if value is not None})


def body(prompt: str, settings: Settings) -> dict[str, Any]:
    """Return a text-to-image request."""
    text = read_stdin() if prompt == "-" else prompt
    return {"operation": "text-to-image", "prompt": text, **settings}


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
