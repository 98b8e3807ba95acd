"""CallbackSecrets: the HTTP API of the secrets that sign callbacks."""

from typing import TYPE_CHECKING

from darkroom.handlers._http import serve

if TYPE_CHECKING:
    from darkroom.api.resolver import RouteGroup


def routes() -> tuple["RouteGroup", ...]:
    """Return the routes of callback secrets."""
    from darkroom.api.callback_routes import CallbackRoutes

    return (CallbackRoutes,)


handler = serve(routes)
