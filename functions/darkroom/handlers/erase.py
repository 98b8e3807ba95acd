"""Erase: the route of the HTTP API that deletes the content of a job."""

from typing import TYPE_CHECKING

from darkroom.handlers._http import serve

if TYPE_CHECKING:
    from darkroom.api.resolver import RouteGroup


def routes() -> tuple["RouteGroup", ...]:
    """Return the routes of erasures."""
    from darkroom.api.erase_routes import EraseRoutes

    return (EraseRoutes,)


handler = serve(routes)
