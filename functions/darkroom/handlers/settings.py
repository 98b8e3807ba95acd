"""Settings: the routes of the HTTP API that change settings of the deployment."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, observed

if TYPE_CHECKING:
    from darkroom.api.resolver import Api


@cache
def api() -> "Api":
    """Return the part of the HTTP API that this function serves."""
    from darkroom.api.resolver import Api
    from darkroom.api.settings_routes import SettingsRoutes

    return Api(app(), SettingsRoutes)


@observed(api)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the response to one HTTP request."""
    correlate(event["requestContext"].get("requestId", "settings"))
    return api().resolve(event, context)
