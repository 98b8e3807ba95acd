"""The routes of the secrets that sign callbacks. They are a function of their own.

So no function that serves other routes can read a secret.
"""

from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import schemas as contract
from darkroom.api.http import HttpRequest, reply, success
from darkroom.domain.callbacks import CallbackSecrets
from darkroom.domain.wavespeed_prediction import WAVESPEED_PREFIX

if TYPE_CHECKING:
    from darkroom.app import App


class CallbackRoutes:
    """Registers the routes on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._read = app.read_callback_secrets
        self._rotate = app.rotate_callback_secret
        resolver.get("/v1/callback-secret")(self.get)
        resolver.post("/v1/callback-secret/rotate")(self.rotate)
        resolver.get(f"{WAVESPEED_PREFIX}webhook/secret")(self.get_wavespeed)

    def get(self) -> Response[str]:
        """Return the secret of a caller."""
        _, owner = self._request("caller")
        return _show(self._read.run(owner))

    def rotate(self) -> Response[str]:
        """Replace the secret of a caller."""
        request, owner = self._request("caller")
        return _show(self._rotate.run(request.caller, owner))

    def get_wavespeed(self) -> Response[str]:
        """Return the secret of the caller in the provider's format."""
        _, owner = self._request()
        return success({"secret": self._read.run(owner).secret})

    def _request(self, *query: str) -> tuple[HttpRequest, str]:
        """Return the request and the caller whose secret it names. Raises DarkroomError."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only(*query)
        request.must_submit()
        return request, request.owner_filter() or request.caller.name


def _show(secrets: CallbackSecrets) -> Response[str]:
    return reply(200, contract.CallbackSecretView(**dict(secrets)))
