"""CallbackSecrets: the HTTP API of the secrets that sign callbacks."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, observed

if TYPE_CHECKING:
    from darkroom.api.resolver import Api


@cache
def api() -> "Api":
    """Return the HTTP API of the secrets."""
    from darkroom.api.callback_routes import CallbackRoutes
    from darkroom.api.resolver import Api

    return Api(app(), CallbackRoutes)


@observed(api)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the response to one HTTP request."""
    correlate(event["requestContext"].get("requestId", "callback-secrets"))
    return api().resolve(event, context)
