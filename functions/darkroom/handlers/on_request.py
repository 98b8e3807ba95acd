"""OnRequest: creates jobs from JobRequested events. EventBridge rules invoke it.

The input transformer of a rule passes {"caller": a name, "id": the event's id, "detail": the
event's detail} and optionally "can_read_all". So the rule, not the event, sets the caller and its
permissions.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain import callers
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().request_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Create a job from one JobRequested event. Returns a null `job_id` for a rejected request."""
    correlate(event["id"])  # until the job exists
    caller = callers.of_rule(event["caller"], can_read_all=event.get("can_read_all") is True)
    job = app().request_job.run(event.get("detail"), caller=caller, event_id=event["id"])
    if job is None:
        logger.warning("request rejected")
        return {"job_id": None}
    correlate(job.job_id)
    logger.info("request", event_id=event["id"], status=job.status, operation=job.operation)
    return {"job_id": job.job_id}
