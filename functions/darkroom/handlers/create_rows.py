"""CreateRows: make jobs of a part of a batch. Called for each item of the batch machine's map."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import batches
from darkroom.observability import correlate, logger, observed


@observed(batches.create_rows)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Take a step: `wait_seconds` is 0 once it is done, `looks` are those that were in vain."""
    correlate(event["batch_id"])
    attempts = event.get("attempts", 0)  # not yet known to an execution that an older version began
    wait = batches.create_rows()(event["batch_id"], event["chunk"], attempts)
    logger.info("create rows", wait_seconds=wait, attempts=attempts, **event["chunk"])
    return {"wait_seconds": wait, "attempts": attempts + 1}
