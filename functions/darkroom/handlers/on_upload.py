"""OnUpload: creates jobs from inbox uploads, and notes how the jobs end.

The rules on created S3 objects and on job events invoke it.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.uploads import parse_notification
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().upload_job, lambda: app().note_outcome)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Create a job from one upload. Returns a null `job_id` if the upload creates none."""
    if event["detail-type"] != "Object Created":  # a job of an upload has ended
        correlate(event["detail"]["job_id"])
        job = app().note_outcome.run(event["detail"]["job_id"])
        logger.info("note", status=job and job.status, code=job and job.code)
        return {"job_id": event["detail"]["job_id"]}
    correlate(event["id"])  # until the job exists
    job = app().upload_job.run(parse_notification(event["detail"]), event_id=event["id"])
    if job is None:
        logger.info("no job")
        return {"job_id": None}
    correlate(job.job_id)
    logger.info("upload", event_id=event["id"], status=job.status, preset=job.preset)
    return {"job_id": job.job_id}
