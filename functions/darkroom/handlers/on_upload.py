"""OnUpload: creates jobs from inbox uploads. The rule on created S3 objects invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.uploads import parse_notification
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().upload_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Create a job from one upload. Returns a null `job_id` if the upload creates none."""
    correlate(event["id"])  # until the job exists
    job = app().upload_job.run(parse_notification(event["detail"]), event_id=event["id"])
    if job is None:
        logger.info("no job")
        return {"job_id": None}
    correlate(job.job_id)
    logger.info("upload", event_id=event["id"], status=job.status, preset=job.preset)
    return {"job_id": job.job_id}
