"""The routes of the API keys, under /v1/keys. They are a function of their own.

So no function that serves other routes has rights on the API keys.
"""

from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api.http import HttpRequest, reply
from darkroom.domain.errors import NotFoundError
from darkroom.domain.key_requests import NO_KEY, BudgetRequest, KeyList, KeyRequest, RevokedKey

if TYPE_CHECKING:
    from darkroom.app import App


class KeyRoutes:
    """Registers the routes on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._create_key = app.create_key
        self._list_keys = app.list_keys
        self._change_budget = app.change_budget
        self._revoke_key = app.revoke_key
        resolver.post("/v1/keys")(self.create)
        resolver.get("/v1/keys")(self.list)
        resolver.delete("/v1/keys/<key_id>")(self.revoke)
        resolver.patch("/v1/keys/<key_id>")(self.change_budget)

    def create(self) -> Response[str]:
        """Create a key."""
        request = self._request()
        body = request.json_object(KeyRequest.model_fields)
        return reply(201, self._create_key.run(body, request.caller))

    def list(self) -> Response[str]:
        """Return all keys."""
        self._request()
        return reply(200, KeyList(keys=self._list_keys.run()))

    def change_budget(self, key_id: str) -> Response[str]:
        """Change the daily budget of a key's caller."""
        request = self._request()
        body = request.json_object(BudgetRequest.model_fields)
        return reply(200, self._change_budget.run(key_id, body, request.caller))

    def revoke(self, key_id: str) -> Response[str]:
        """Revoke a key, and stop what it has started."""
        revoked = self._revoke_key.run(key_id, self._request().caller)
        if not revoked:
            raise NotFoundError(NO_KEY)
        return reply(200, RevokedKey(id=key_id, name=revoked[0].name))

    def _request(self) -> HttpRequest:
        """Return the request of an admin. Raises ForbiddenError or InvalidRequestError."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only()
        request.must_be_admin("manage API keys")
        return request
