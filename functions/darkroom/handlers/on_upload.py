"""OnUpload: the S3 door. Called by the rule on objects created in the inbox."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import entry_points
from darkroom.domain.uploads import parse_notice
from darkroom.observability import correlate, logger, observed


@observed(entry_points.upload_job)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Make a job of one upload, if it asks for one."""
    correlate(event["id"])  # until there is a job
    job = entry_points.upload_job()(parse_notice(event["detail"]), event_id=event["id"])
    if job is None:
        logger.info("no job")
        return {"job_id": None}
    correlate(job.job_id)
    logger.info("upload", event_id=event["id"], status=job.status, preset=job.preset)
    return {"job_id": job.job_id}
