"""OnRequest: the event door. Called by the rule on JobRequested events."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import bootstrap
from darkroom.observability import correlate, logger, observed

# Everybody who may put events on the bus is one caller.
CALLER = "events"


@observed
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Make a job of one JobRequested event."""
    correlate(event["id"])  # until there is a job
    job = bootstrap.request_job()(event.get("detail"), caller=CALLER, event_id=event["id"])
    if job is None:
        logger.warning("request rejected")
        return {"job_id": None}
    correlate(job.job_id)
    logger.info("request", event_id=event["id"], status=job.status, operation=job.operation)
    return {"job_id": job.job_id}
