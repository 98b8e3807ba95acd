"""RecordStats: counts ended jobs. The rule on terminal events invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().record_stats)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Count one job. `counted` is False if the job was counted before."""
    job_id: str = event["detail"]["job_id"]
    correlate(job_id)
    counted = app().record_stats.run(job_id)
    logger.info("record_stats", counted=counted)
    return {"counted": counted}
