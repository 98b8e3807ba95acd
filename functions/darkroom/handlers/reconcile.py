"""Reconcile: compares a day's jobs with the provider's ledger. A schedule invokes it every morning.

To run it by hand for a past day, invoke it with {"day": "2026-11-25"}.
"""

from datetime import date, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed

_LISTS = ("drift", "orphans", "double", "uncharged", "unrefunded")


@observed(lambda: app().reconcile_billing)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Write and return the report of the event's `day`, or of the day before its `time`.

    Returns {} if the event has neither.
    """
    correlate(event.get("id") or "reconcile")
    day = _day(event)
    if day is None:
        logger.info("reconcile", day=None)
        return {}
    report = app().reconcile_billing.run(day).model_dump(mode="json")
    logger.info("reconcile", **report | {name: report[name] | {"worst": None} for name in _LISTS})
    return report


def _day(event: dict[str, Any]) -> date | None:
    """Return the day to report. It comes from the event, because a retry may run after midnight."""
    if "day" in event:
        return date.fromisoformat(event["day"])
    if "time" in event:
        return datetime.fromisoformat(event["time"]).date() - timedelta(days=1)
    return None
