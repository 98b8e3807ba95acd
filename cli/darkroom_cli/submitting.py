"""Submit a request once or several times, and show what becomes of the jobs."""

import uuid
from dataclasses import dataclass
from typing import Annotated

import typer

from darkroom_cli import waiting
from darkroom_cli.client import Json
from darkroom_cli.errors import CliError
from darkroom_cli.options import Once
from darkroom_cli.session import Session
from darkroom_cli.show import usd
from darkroom_cli.waiting import Waiting


@dataclass
class Submission(Waiting):
    """The options of a command that submits a request."""

    count: Annotated[
        int,
        typer.Option(
            "--count", "-n", min=1, max=8, help="Number of jobs, each charged separately."
        ),
    ] = 1
    once: Once = None


def submit(session: Session, request: Json, options: Submission) -> None:
    """Create jobs of the request, wait for them, and print the results.

    Each job of several has the idempotency key with its number; the studio shows them as one row.
    If one is refused, the accepted ones are finished first.
    """
    count, once, destination = options.count, options.once, options.destination
    if destination is not None and not {"model", "then"} & request.keys():
        destination.check_image_name()
    if count == 1:
        job = session.client.post("/v1/jobs", request, once)
        waiting.finish(session, job, options.timeout, destination)
        return
    session.screen.note(f"{count} jobs: {price_of(session, request, count)}")
    key = f"cli-{uuid.uuid4()}" if once is None else once
    jobs: list[Json] = []
    refused: CliError | None = None
    for number in range(1, count + 1):
        try:
            jobs.append(
                session.client.post("/v1/jobs", request, f"{key}-variant-{number}-of-{count}")
            )
        except CliError as error:
            refused = error
            break
    if jobs:
        waiting.finish_all(session, jobs, options.timeout, destination)
    if refused is not None:
        raise refused


def price_of(session: Session, request: Json, count: int = 1) -> str:
    """Return the price of `count` jobs in words."""
    price = session.client.post("/v1/estimates", request)["estimated_cost_micro_usd"]
    return "price not known" if price is None else usd(price * count)
