"""WaveSpeedAI's REST API. Only this and wavespeed_replies know its URLs, fields and words."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from darkroom.adapters.wavespeed_replies import read_body, read_prediction, read_refusal
from darkroom.domain.errors import Code
from darkroom.ports import (
    Accepted,
    Broken,
    NotSent,
    Prediction,
    Refused,
    Submission,
    Unknown,
    Unreadable,
)

# A submit that times out may be paid for and lost, so it is given long; a check is simply repeated.
_SUBMIT_TIMEOUT = httpx.Timeout(60, connect=5)
_CHECK_TIMEOUT = httpx.Timeout(10, connect=5)
_MAX_REPLY = 4_000_000  # bytes


class Key(Protocol):
    """Where the API key comes from."""

    def read(self, *, fresh: bool = False) -> SecretStr:
        """Return the key; `fresh` reads it past any cache."""


class WaveSpeed:
    """The port Provider over HTTP."""

    def __init__(
        self, base_url: str, key: Key, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v3"
        self._key = key
        self._checks = httpx.Client(timeout=_CHECK_TIMEOUT, transport=transport)
        # A kept-alive connection may be dead without our knowing, and a POST lost on it looks like
        # one that was sent. So every submit has a connection of its own.
        self._submits = httpx.Client(
            timeout=_SUBMIT_TIMEOUT,
            transport=transport,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def prepare(self) -> None:
        """Read the key, so that a secret that cannot be read never looks like a lost POST."""
        self._key.read()

    def submit(self, model: str, model_input: dict[str, Any]) -> Submission:
        """Send the POST, once; a 401 took nothing, so it is sent again with a key read afresh."""
        url = f"{self._base}/{quote(model)}"
        try:
            response = self._authorized(self._submits, "POST", url, json=model_input)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NotSent()
        except (httpx.TransportError, httpx.DecodingError):
            return Unknown()
        body = read_body(response)
        if 400 <= response.status_code < 500:
            return self._hide(read_refusal(response.status_code, body, response))
        if body is None:
            return Unknown()
        data = body.get("data")
        if isinstance(data, Mapping) and isinstance(data.get("id"), str) and data["id"]:
            return Accepted(data["id"])
        if not response.is_success:
            return Unknown()
        status = body.get("code")
        if isinstance(status, int) and 400 <= status < 500:
            return self._hide(read_refusal(status, body, response))
        return Unknown()

    def check(self, prediction_id: str) -> Prediction:
        """Read a prediction; safe to repeat."""
        url = f"{self._base}/predictions/{quote(prediction_id, safe='')}/result"
        try:
            response = self._authorized(self._checks, "GET", url)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return Unreadable(Code.PROVIDER_UNAVAILABLE, type(error).__name__)
        body = read_body(response)
        data = body.get("data") if body else None
        if response.status_code in (401, 403):
            return Unreadable(Code.UNAUTHORIZED, f"HTTP {response.status_code}")
        if not response.is_success or not isinstance(data, Mapping):
            return Unreadable(Code.PROVIDER_UNAVAILABLE, f"HTTP {response.status_code}")
        return self._hide(read_prediction(body or {}, data))

    def _hide[T](self, answer: T) -> T:
        """Take our key out of the provider's words, which may quote it."""
        if isinstance(answer, Refused | Broken):
            key = self._key.read().get_secret_value()
            return replace(answer, detail=answer.detail.replace(key, "…"))
        return answer

    def _authorized(
        self, client: httpx.Client, method: str, url: str, json: dict[str, Any] | None = None
    ) -> httpx.Response:
        """Send with the key; once more with a fresh one if it was refused."""
        response = _send(client, method, url, self._key.read(), json)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            response = _send(client, method, url, self._key.read(fresh=True), json)
        return response


def _send(
    client: httpx.Client, method: str, url: str, key: SecretStr, body: dict[str, Any] | None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    content, give_up_at = bytearray(), time.monotonic() + (client.timeout.read or 0) + 2
    with client.stream(method, url, headers=headers, json=body) as response:
        for chunk in response.iter_bytes():
            content += chunk
            # The time-out is for one read: a reply that drips would never meet it.
            if time.monotonic() > give_up_at or len(content) > _MAX_REPLY:
                raise httpx.ReadTimeout("the reply does not end")
    kept = [(name, value) for name, value in response.headers.raw if name.lower() == b"retry-after"]
    return httpx.Response(response.status_code, headers=kept, content=bytes(content))
