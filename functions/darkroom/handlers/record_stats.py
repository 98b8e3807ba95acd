"""Tally: count what has ended. Called by the rule on the ends of jobs."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import sweeps
from darkroom.observability import correlate, logger, observed


@observed(sweeps.record_stats)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Count one job."""
    job_id: str = event["detail"]["job_id"]
    correlate(job_id)
    counted = sweeps.record_stats()(job_id)
    logger.info("record_stats", counted=counted)
    return {"counted": counted}
