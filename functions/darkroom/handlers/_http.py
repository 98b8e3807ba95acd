"""The handler of a function that serves a part of the HTTP API."""

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import Handler, correlate, observed

if TYPE_CHECKING:
    from darkroom.api.resolver import Api, RouteGroup

# Imports route groups. On Lambda it is called during initialization.
type LoadRoutes = Callable[[], tuple["RouteGroup", ...]]


@cache
def api(load_routes: LoadRoutes) -> "Api":
    """Return the HTTP API with these routes."""
    from darkroom.api.resolver import Api

    return Api(app(), *load_routes())


def serve(load_routes: LoadRoutes) -> Handler:
    """Return the handler that API Gateway invokes for these routes."""

    @observed(partial(api, load_routes))
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Return the response to one HTTP request."""
        correlate(event["requestContext"].get("requestId"))
        return api(load_routes).resolve(event, context)

    return handler
