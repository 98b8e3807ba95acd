"""What things cost and what the folders do: price, stats, presets."""

from typing import Annotated

import typer

from darkroom_cli import requests
from darkroom_cli.requests import Aspect, Format, Quality, Resolution
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd

top = typer.Typer()

# What the price depends on is how many there are: nothing is fetched.
_IMAGE = "https://example.com/reference-{}.png"


@command(top, "price")
def price(
    session: Session,
    prompt: Annotated[str, typer.Argument(help="It changes nothing of GPT Image 2's price.")] = "x",
    images: Annotated[int, typer.Option(min=0, max=16, help="References: it is an edit.")] = 0,
    quality: Quality = None,
    resolution: Resolution = None,
    aspect_ratio: Aspect = None,
    output_format: Format = None,
) -> None:
    """Say what a picture would cost, without making it."""
    asked = requests.body(prompt, quality, resolution, aspect_ratio, output_format)
    if images:
        asked |= {"operation": "edit", "images": [_IMAGE.format(n) for n in range(images)]}
    told = session.client.post("/v1/estimates", asked)
    if session.screen.as_json:
        session.screen.document(told)
        return
    session.screen.line(usd(told["estimated_cost_micro_usd"]))
    session.screen.say(f"as of {told['priced_as_of']}" if told["priced_as_of"] else "")


@command(top, "presets")
def presets(session: Session) -> None:
    """Say what the folders of the inbox do."""
    told = session.client.get("/v1/presets")
    if session.screen.as_json:
        session.screen.document(told)
        return
    rows = [
        [name, str(each.get("quality") or ""), str(each.get("resolution") or ""), each["prompt"]]
        for name, each in sorted(told["presets"].items())
    ]
    session.screen.table(["folder", "quality", "resolution", "prompt"], rows)
    if told["problem"]:
        session.screen.say(f"config/presets.json does not serve: {told['problem']}")
