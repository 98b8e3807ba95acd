"""Api: the HTTP door. Called by API Gateway for every route."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import entry_points
from darkroom.observability import correlate, observed


@observed(entry_points.api)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    correlate(event["requestContext"].get("requestId", "api"))
    return entry_points.api().resolve(event, context)
