"""Api: the HTTP API. API Gateway invokes it for every route."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import entry_points
from darkroom.observability import correlate, observed


@observed(entry_points.api)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the response to one HTTP request."""
    correlate(event["requestContext"].get("requestId", "api"))
    return entry_points.api().resolve(event, context)
