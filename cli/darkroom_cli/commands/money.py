"""The command for prices."""

from typing import Annotated

import typer

from darkroom_cli import requests
from darkroom_cli.requests import Settings
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd

top = typer.Typer()


@command(top, "price")
def price(
    session: Session,
    settings: Settings,
    prompt: Annotated[
        str, typer.Argument(help="The prompt. It does not change the price of GPT Image 2.")
    ] = "x",
    images: Annotated[
        int, typer.Option(min=0, max=16, help="Reference images; above 0: the price of an edit.")
    ] = 0,
) -> None:
    """Print the price of an image without generating it."""
    request = requests.with_placeholders(requests.body(prompt, settings), images)
    estimate = session.client.post("/v1/estimates", request)
    if session.screen.as_json:
        session.screen.document(estimate)
        return
    session.screen.line(usd(estimate["estimated_cost_micro_usd"]))
    if estimate["priced_as_of"]:
        session.screen.note(f"Price as of {estimate['priced_as_of']}")
