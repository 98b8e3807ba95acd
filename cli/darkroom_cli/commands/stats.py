"""What was made, spent and refused, and how the line stands."""

from typing import Annotated

import typer

from darkroom_cli.client import Json
from darkroom_cli.session import Session, command
from darkroom_cli.show import usd

top = typer.Typer()


@command(top, "stats")
def stats(
    session: Session,
    days: Annotated[int, typer.Option(min=1, max=90, help="How many, today included.")] = 30,
) -> None:
    """Say what was made and spent, by day and caller, and how the line stands."""
    told = session.client.get("/v1/stats", days=days)
    screen = session.screen
    if screen.as_json:
        screen.document(told)
        return
    columns = ["day", "caller", "completed", "failed", "spent", "why"]
    screen.table(columns, [_day(each) for each in told["days"]])
    for each in told["durations"]:
        kind = f"{each['operation']} {each['quality']} {each['resolution']}"
        screen.say(f"{kind}: p50 {each['p50_seconds']} s, p95 {each['p95_seconds']} s")
    queue = told["queue"]
    waiting = queue["waiting_normal"] + queue["waiting_low"]
    held = "" if queue["breaker"] == "closed" else "; the provider takes nothing now"
    screen.say(f"in the line {waiting}, with the provider {queue['in_flight']}{held}")


def _day(told: Json) -> list[str]:
    why = ", ".join(f"{code} {count}" for code, count in told["failures"].items())
    return [
        told["day"],
        told["caller"],
        str(told["completed"]),
        str(told["failed"]),
        usd(told["spent_micro_usd"]),
        why,
    ]
