"""Settings: the routes of the HTTP API that change settings of the deployment."""

from typing import TYPE_CHECKING

from darkroom.handlers._http import serve

if TYPE_CHECKING:
    from darkroom.api.resolver import RouteGroup


def routes() -> tuple["RouteGroup", ...]:
    """Return the routes of settings."""
    from darkroom.api.settings_routes import SettingsRoutes

    return (SettingsRoutes,)


handler = serve(routes)
