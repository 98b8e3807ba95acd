"""Sweep: repairs overdue jobs and batches. A schedule invokes it every minute."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed

# Time reserved for the job in progress: copying a large image takes time.
_RESERVED_MILLISECONDS = 120_000


@observed(lambda: app().sweep_jobs, lambda: app().sweep_batches)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Restart, close or recover overdue jobs and batches, and return their ids."""
    correlate(event["id"])
    swept = app().sweep_jobs.run(
        lambda: context.get_remaining_time_in_millis() > _RESERVED_MILLISECONDS
    )
    batches = app().sweep_batches.run()
    logger.info("sweep", done=swept, batches=batches)
    return {**swept, **({"batches": batches} if batches else {})}
