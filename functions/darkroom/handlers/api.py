"""Api: the HTTP API. API Gateway invokes it for the routes that no other function serves."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, observed

if TYPE_CHECKING:
    from darkroom.api.resolver import Api


@cache
def api() -> "Api":
    """Return the HTTP API."""
    from darkroom.api.resolver import Api
    from darkroom.api.routes import Routes
    from darkroom.api.share_routes import ShareRoutes
    from darkroom.api.studio import Studio
    from darkroom.api.wavespeed_compat import WaveSpeedRoutes

    return Api(app(), Routes, ShareRoutes, WaveSpeedRoutes, Studio)


@observed(api)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the response to one HTTP request."""
    correlate(event["requestContext"].get("requestId", "api"))
    return api().resolve(event, context)
