"""Sweep: mend what a crash left undone. Called every few minutes by a schedule."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import doors
from darkroom.observability import correlate, logger, observed


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Start the jobs that were recorded and not started."""
    correlate(event["id"])
    started = doors.restart_jobs()()
    logger.info("sweep", started=started)
    return {"started": started}
