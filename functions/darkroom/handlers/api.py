"""Api: the HTTP API. API Gateway invokes it for the routes that no other function serves."""

from typing import TYPE_CHECKING

from darkroom.handlers._http import serve

if TYPE_CHECKING:
    from darkroom.api.resolver import RouteGroup


def routes() -> tuple["RouteGroup", ...]:
    """Return the routes that no other function serves."""
    from darkroom.api.routes import Routes
    from darkroom.api.share_routes import ShareRoutes
    from darkroom.api.studio import Studio
    from darkroom.api.wavespeed_compat import WaveSpeedRoutes

    return (Routes, ShareRoutes, WaveSpeedRoutes, Studio)


handler = serve(routes)
