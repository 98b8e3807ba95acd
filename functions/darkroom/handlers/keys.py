"""Keys: the HTTP API of the API keys. API Gateway invokes it for the routes under /v1/keys."""

from typing import TYPE_CHECKING

from darkroom.handlers._http import serve

if TYPE_CHECKING:
    from darkroom.api.resolver import RouteGroup


def routes() -> tuple["RouteGroup", ...]:
    """Return the routes of API keys."""
    from darkroom.api.key_routes import KeyRoutes

    return (KeyRoutes,)


handler = serve(routes)
