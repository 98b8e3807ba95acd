"""Reconcile: compare a day's jobs with the provider's bills. Called every morning by a schedule.

By hand with {"day": "2026-11-25"}, for any day that is over.
"""

from datetime import date, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import sweeps
from darkroom.observability import correlate, logger, observed

_LISTS = ("drift", "orphans", "double", "uncharged", "unrefunded")


@observed(sweeps.reconcile_billing)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Write the report of the day that is named, or of the day before the event's, and return it.

    An event of no time is no question: the answer is empty.
    """
    correlate(event.get("id") or "reconcile")
    day = _day(event)
    if day is None:
        logger.info("reconcile", day=None)
        return {}
    report = sweeps.reconcile_billing()(day).model_dump(mode="json")
    logger.info("reconcile", **report | {name: report[name] | {"worst": None} for name in _LISTS})
    return report


def _day(event: dict[str, Any]) -> date | None:
    """Return the day that is meant; by the event, since a retry may come after midnight."""
    if "day" in event:
        return date.fromisoformat(event["day"])
    if "time" in event:
        return datetime.fromisoformat(event["time"]).date() - timedelta(days=1)
    return None
