"""What a person says of a picture, as options, and the request that it makes."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from darkroom_cli.client import Client
from darkroom_cli.errors import CliError, Exit

_GIVEN = ("https://", "s3://", "upload:", "data:")

Prompt = Annotated[str, typer.Argument(help="What to draw; - reads it from stdin.")]
Quality = Annotated[str | None, typer.Option(help="low, medium or high.")]
Resolution = Annotated[str | None, typer.Option(help="1k, 2k or 4k.")]
Aspect = Annotated[str | None, typer.Option("--aspect-ratio", help="1:1, 16:9, …")]
Format = Annotated[str | None, typer.Option("--format", help="png, jpeg or webp.")]
Deadline = Annotated[int | None, typer.Option(help="Seconds until it is given up.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end, or only ask.")]
Timeout = Annotated[int | None, typer.Option(help="Seconds to wait at most; it goes on.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="A folder, or the file's name.")]
Once = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same key and request: the same job, paid once."),
]


def body(
    prompt: str,
    quality: str | None,
    resolution: str | None,
    aspect_ratio: str | None,
    output_format: str | None,
    deadline: int | None = None,
) -> dict[str, Any]:
    """Return a request without what was not said: the deployment has the defaults."""
    told: dict[str, Any] = {
        "operation": "text-to-image",
        "prompt": sys.stdin.read().strip() if prompt == "-" else prompt,
        **settings(quality, resolution, aspect_ratio, output_format),
    }
    return told if deadline is None else {**told, "deadline_seconds": deadline}


def settings(
    quality: str | None,
    resolution: str | None,
    aspect_ratio: str | None,
    output_format: str | None,
) -> dict[str, Any]:
    """Return what was said of a picture besides its prompt."""
    told = {
        "quality": quality,
        "resolution": resolution,
        "aspect_ratio": aspect_ratio,
        "output_format": output_format,
    }
    return {name: value for name, value in told.items() if value is not None}


def references(client: Client, images: list[str]) -> list[str]:
    """Return what a request says for each image; files of this machine are uploaded."""
    found = []
    for image in images:
        if image.startswith(_GIVEN):
            found.append(image)
        elif Path(image).is_file():
            found.append(client.upload(Path(image)))
        else:
            hint = "An image is a file here, or begins with https://, s3:// or upload:"
            raise CliError(Exit.BAD_REQUEST, f"{image}: no such file", hint)
    return found
