"""OnRequest: the event door. Called by rules, each of which says who asks.

A rule passes {"caller": a name, "id": the event's id, "detail": the event's detail}, and perhaps
"can_read_all": whoever may put events on a bus chooses neither whose job it is nor what it may see.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import entry_points
from darkroom.domain import callers
from darkroom.observability import correlate, logger, observed


@observed(entry_points.request_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Make a job of one JobRequested event."""
    correlate(event["id"])  # until there is a job
    caller = callers.of_rule(event["caller"], can_read_all=event.get("can_read_all") is True)
    job = entry_points.request_job()(event.get("detail"), caller=caller, event_id=event["id"])
    if job is None:
        logger.warning("request rejected")
        return {"job_id": None}
    correlate(job.job_id)
    logger.info("request", event_id=event["id"], status=job.status, operation=job.operation)
    return {"job_id": job.job_id}
