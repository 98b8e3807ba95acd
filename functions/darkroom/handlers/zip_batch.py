"""ZipBatch: writes one zip file of a batch's outputs. Api invokes it asynchronously."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().zip_batch)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Write the part `number` of the batch; return whether it was written."""
    correlate(event["batch_id"])
    written = app().zip_batch.run(event["batch_id"], event["number"])
    logger.info("zip_batch", number=event["number"], written=written)
    return {"written": written}
