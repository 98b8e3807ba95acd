"""The routes that change settings of the deployment. They are a function of their own.

So no function that serves other routes has rights to change a setting.
"""

from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import schemas as contract
from darkroom.api import views
from darkroom.api.http import HttpRequest, reply
from darkroom.domain.parsing import validate

if TYPE_CHECKING:
    from darkroom.app import App


class SettingsRoutes:
    """Registers the routes on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._switch_submits = app.switch_submits
        self._change_presets = app.change_presets
        self._notes = app.ports.inbox_notes
        self._waiting = app.ports.waiting
        resolver.put("/v1/submits")(self.switch_submits)
        resolver.put("/v1/presets")(self.change_presets)
        resolver.get("/v1/presets/versions")(self.list_versions)
        resolver.get("/v1/presets/versions/<version_id>")(self.get_version)
        resolver.get("/v1/inbox")(self.inbox)

    def switch_submits(self) -> Response[str]:
        """Pause or resume submission."""
        request = self._request()
        body = request.json_object(contract.SubmitsRequest.model_fields)
        submits = validate(contract.SubmitsRequest, body)
        flags = self._switch_submits.run(request.caller, paused=submits.paused)
        return reply(200, views.submits_view(flags))

    def change_presets(self) -> Response[str]:
        """Store a new version of the presets."""
        request = self._request()
        body = request.json_object(contract.PresetsRequest.model_fields)
        document = self._change_presets.run(body, request.caller)
        return reply(200, contract.PresetsView(**dict(document), problem=None))

    def list_versions(self) -> Response[str]:
        """Return the newest versions of the presets."""
        self._request()
        versions = tuple(map(views.presets_version_view, self._change_presets.versions()))
        return reply(200, contract.PresetsVersions(versions=versions))

    def get_version(self, version_id: str) -> Response[str]:
        """Return a version of the presets."""
        self._request()
        stored = self._change_presets.version(version_id)
        return reply(200, contract.PresetsView(**dict(stored.presets or ()), problem=None))

    def inbox(self) -> Response[str]:
        """Return the notes about uploads, and the uploads that wait for their references."""
        request = self._request("folder", "limit")
        limit = request.number("limit", 1, contract.MAX_PAGE) or 20
        folder = request.query("folder") or None
        notes, is_complete = self._notes.newest(folder, limit)
        waiting = [w for w in self._waiting.all() if folder in (None, w.upload.preset)]
        return reply(200, views.inbox_view(notes, is_complete=is_complete, waiting=waiting))

    def _request(self, *query: str) -> HttpRequest:
        """Return the request of an admin. Raises ForbiddenError or InvalidRequestError."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only(*query)
        request.must_be_admin("read or change settings")
        return request
