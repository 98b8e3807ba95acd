"""Watch: one job to its end, or the newest ones live."""

import time
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from darkroom_cli import waiting
from darkroom_cli.client import Json
from darkroom_cli.commands.jobs import COLUMNS, row
from darkroom_cli.requests import Out, Timeout
from darkroom_cli.session import Session, command

top = typer.Typer()

_EVERY = 2.0  # seconds


@command(top, "watch")
def watch(
    session: Session,
    job_id: Annotated[str | None, typer.Argument(help="One job; default: all, live.")] = None,
    timeout: Timeout = None,
    out: Out = None,
) -> None:
    """Watch one job until it ends, or the newest jobs until Ctrl-C."""
    if job_id is not None:
        job = session.client.get(f"/v1/jobs/{job_id}")
        waiting.finish(session, job, wait=True, timeout=timeout, out=out)
        return
    give_up_at = time.monotonic() + (timeout if timeout is not None else float("inf"))
    try:
        if session.screen.out.is_terminal and not session.screen.as_json:
            _live(session, give_up_at)
        else:
            _lines(session, give_up_at)
    except KeyboardInterrupt:
        return


def _newest(session: Session) -> list[Json]:
    jobs: list[Json] = session.client.get("/v1/jobs", limit=20)["jobs"]
    return jobs


def _live(session: Session, give_up_at: float) -> None:
    with Live(console=session.screen.out, auto_refresh=False, transient=False) as live:
        while True:
            table = Table(*COLUMNS, box=None, pad_edge=False)
            for job in _newest(session):
                table.add_row(*row(job))
            live.update(table, refresh=True)
            if time.monotonic() + _EVERY > give_up_at:
                return
            time.sleep(_EVERY)


def _lines(session: Session, give_up_at: float) -> None:
    """Print a line for each change: for pipes, and as JSON one document a line."""
    seen: dict[str, str] = {}
    while True:
        for job in reversed(_newest(session)):
            if seen.get(job["job_id"]) == job["status"]:
                continue
            seen[job["job_id"]] = job["status"]
            if session.screen.as_json:
                session.screen.record(job)
            else:
                session.screen.line("\t".join(row(job)))
        if time.monotonic() + _EVERY > give_up_at:
            return
        time.sleep(_EVERY)
