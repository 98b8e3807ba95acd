"""Sweep: repairs overdue jobs and batches. A schedule invokes it every minute."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import sweeps
from darkroom.observability import correlate, logger, observed

# Time reserved for the job in progress: copying a large image takes time.
_RESERVED_MILLISECONDS = 120_000


@observed(sweeps.sweep_jobs, sweeps.sweep_batches)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Restart, close or recover overdue jobs and batches, and return their ids."""
    correlate(event["id"])
    swept = sweeps.sweep_jobs()(
        lambda: context.get_remaining_time_in_millis() > _RESERVED_MILLISECONDS
    )
    batches = sweeps.sweep_batches()()
    logger.info("sweep", done=swept, batches=batches)
    return {**swept, **({"batches": batches} if batches else {})}
