"""CollectBatch: collects a batch's results and ends it. The state CollectBatch invokes it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed

# Time reserved for writing the results; no more jobs are canceled after that.
_RESERVED_MILLISECONDS = 120_000


@observed(lambda: app().collect_batch)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the seconds until the next run as `wait_seconds`: 0 once the batch has ended."""
    correlate(event["batch_id"])
    wait = app().collect_batch.run(
        event["batch_id"], lambda: context.get_remaining_time_in_millis() > _RESERVED_MILLISECONDS
    )
    logger.info("collect_batch", wait_seconds=wait)
    return {"wait_seconds": wait}
