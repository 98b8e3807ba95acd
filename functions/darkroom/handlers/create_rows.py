"""CreateRows: creates the jobs of a chunk of rows. The map CreateAllRows invokes it per chunk."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().create_rows)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return `wait_seconds`, 0 once the chunk is done, and `attempts`, the attempts so far."""
    correlate(event["batch_id"])
    attempts = event.get("attempts", 0)  # missing in executions of an older version
    wait = app().create_rows.run(event["batch_id"], event["chunk"], attempts)
    logger.info("create rows", wait_seconds=wait, attempts=attempts, **event["chunk"])
    return {"wait_seconds": wait, "attempts": attempts + 1}
