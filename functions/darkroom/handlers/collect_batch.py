"""Gather: look how far a batch is, and end it when every row has ended. Called by its machine."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import batches
from darkroom.observability import correlate, logger, observed

# What is left for writing the results once no more is canceled.
_ENOUGH_MILLISECONDS = 120_000


@observed(batches.collect_batch)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a look: `wait_seconds` is 0 once the batch has ended."""
    correlate(event["batch_id"])
    wait = batches.collect_batch()(
        event["batch_id"], lambda: context.get_remaining_time_in_millis() > _ENOUGH_MILLISECONDS
    )
    logger.info("collect_batch", wait_seconds=wait)
    return {"wait_seconds": wait}
