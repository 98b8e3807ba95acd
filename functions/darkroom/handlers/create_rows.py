"""CreateRows: make jobs of a part of a batch. Called for each item of the batch machine's map."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import batches
from darkroom.observability import correlate, logger, observed


@observed(batches.create_rows)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take a step: `wait_seconds` is 0 once it is done."""
    correlate(event["batch_id"])
    wait = batches.create_rows()(event["batch_id"], event["chunk"])
    logger.info("create rows", wait_seconds=wait, **event["chunk"])
    return {"wait_seconds": wait}
