"""Sweep: look after jobs and batches that nothing else brings to their end. Each minute."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import sweeps
from darkroom.observability import correlate, logger, observed

# What is begun is finished: a copy of a large picture takes its time.
_ENOUGH_MILLISECONDS = 120_000


@observed(sweeps.sweep_jobs, sweeps.sweep_batches)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Restart, close or recover what is overdue."""
    correlate(event["id"])
    done = sweeps.sweep_jobs()(
        lambda: context.get_remaining_time_in_millis() > _ENOUGH_MILLISECONDS
    )
    batches = sweeps.sweep_batches()()
    logger.info("sweep", done=done, batches=batches)
    return {**done, **({"batches": batches} if batches else {})}
