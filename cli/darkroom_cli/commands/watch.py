"""Command that watches one job until it ends, or the newest jobs."""

import time
from typing import Annotated

import typer
from rich.live import Live

from darkroom_cli import show, waiting
from darkroom_cli.client import Json
from darkroom_cli.commands.jobs import COLUMNS, row
from darkroom_cli.options import Out, Timeout, check_id
from darkroom_cli.outputs import Destination
from darkroom_cli.session import Session, command

top = typer.Typer()

_REFRESH_SECONDS = 2.0


@command(top, "watch")
def watch(
    session: Session,
    job_id: Annotated[
        str | None,
        typer.Argument(callback=check_id, help="The id of a job; default: the newest jobs."),
    ] = None,
    timeout: Timeout = None,
    out: Out = None,
) -> None:
    """Watch one job until it ends, or the newest jobs until Ctrl-C."""
    if job_id is not None:
        destination = Destination.of(out)
        job = session.client.get(f"/v1/jobs/{job_id}")
        waiting.finish(session, job, timeout, destination)
        return
    deadline = time.monotonic() + (timeout if timeout is not None else float("inf"))
    try:
        if session.screen.out.is_terminal and not session.screen.as_json:
            _live(session, deadline)
        else:
            _lines(session, deadline)
    except KeyboardInterrupt:
        return


def _newest(session: Session) -> list[Json]:
    jobs: list[Json] = session.client.get("/v1/jobs", limit=20)["jobs"]
    return jobs


def _live(session: Session, deadline: float) -> None:
    with Live(console=session.screen.out, auto_refresh=False, transient=False) as live:
        while True:
            rows = [row(job) for job in _newest(session)]
            live.update(show.table(COLUMNS, rows), refresh=True)
            if time.monotonic() + _REFRESH_SECONDS > deadline:
                return
            time.sleep(_REFRESH_SECONDS)


def _lines(session: Session, deadline: float) -> None:
    """Print one line per status change: tab-separated, or one JSON document per line."""
    statuses: dict[str, str] = {}
    while True:
        for job in reversed(_newest(session)):
            if statuses.get(job["job_id"]) == job["status"]:
                continue
            statuses[job["job_id"]] = job["status"]
            if session.screen.as_json:
                session.screen.json_line(job)
            else:
                session.screen.row(row(job))
        if time.monotonic() + _REFRESH_SECONDS > deadline:
            return
        time.sleep(_REFRESH_SECONDS)
