"""Keys: the HTTP API of the API keys. API Gateway invokes it for the routes under /v1/keys."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, observed

if TYPE_CHECKING:
    from darkroom.api.resolver import Api


@cache
def api() -> "Api":
    """Return the HTTP API of the keys."""
    from darkroom.api.key_routes import KeyRoutes
    from darkroom.api.resolver import Api

    return Api(app(), KeyRoutes)


@observed(api)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the response to one HTTP request."""
    correlate(event["requestContext"].get("requestId", "keys"))
    return api().resolve(event, context)
