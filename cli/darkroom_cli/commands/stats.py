"""Command for statistics: images, spending, failures, durations and the queue."""

from typing import Annotated

import typer

from darkroom_cli.client import Json
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd

top = typer.Typer()


@command(top, "stats")
def stats(
    session: Session,
    days: Annotated[int, typer.Option(min=1, max=90, help="Number of days, including today.")] = 30,
) -> None:
    """Show images, spending and failures by day and caller, durations, and the queue."""
    report = session.client.get("/v1/stats", days=days)
    screen = session.screen
    if screen.as_json:
        screen.document(report)
        return
    columns = ["day", "caller", "completed", "failed", "spent", "failure codes"]
    screen.table(columns, [_row(day) for day in report["days"]])
    for kind in report["durations"]:
        name = f"{kind['operation']} {kind['quality']} {kind['resolution']}"
        screen.note(f"{name}: p50 {kind['p50_seconds']} s, p95 {kind['p95_seconds']} s")
    queue = report["queue"]
    waiting = queue["waiting_normal"] + queue["waiting_low"]
    screen.note(f"queue: {waiting} waiting · {queue['in_flight']} generating")
    if queue["message"]:
        screen.note(queue["message"])


def _row(day: Json) -> list[str]:
    failures = ", ".join(f"{code} {count}" for code, count in day["failures"].items())
    return [
        day["day"],
        day["caller"],
        str(day["completed"]),
        str(day["failed"]),
        usd(day["spent_micro_usd"]),
        failures,
    ]
