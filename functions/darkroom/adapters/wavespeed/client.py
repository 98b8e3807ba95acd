"""WaveSpeedAI's REST API. Only the wavespeed modules contain its URLs, fields and terms."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from darkroom.adapters.wavespeed.http import Key, authorized, tls_context, write_moment
from darkroom.adapters.wavespeed.replies import (
    read_envelope,
    read_interception,
    read_list,
    read_prediction,
    read_refusal,
)
from darkroom.domain.errors import Code
from darkroom.ports import (
    Accepted,
    Failed,
    ListedPrediction,
    NotSent,
    Prediction,
    Refused,
    Submission,
    Unknown,
    Unreadable,
)

# A submit that times out may be paid for and lost, so its timeout is long. A check can be repeated.
_SUBMIT_TIMEOUT = httpx.Timeout(60, connect=5)
_CHECK_TIMEOUT = httpx.Timeout(10, connect=5)
_PAGE, _MAX_PAGES = 100, 50  # of the list: at most 5,000 predictions in a window


class WaveSpeed:
    """Port `Provider` over HTTP."""

    def __init__(
        self, base_url: str, key: Key, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v3"
        self._key = key
        self._checks = httpx.Client(
            timeout=_CHECK_TIMEOUT, transport=transport, verify=tls_context()
        )
        # A kept-alive connection may be dead, and a POST lost on a dead connection looks like one
        # that was sent. So every submit opens a new connection.
        self._submits = httpx.Client(
            timeout=_SUBMIT_TIMEOUT,
            transport=transport,
            verify=tls_context(),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def prepare(self) -> None:
        """Read the key before the submit: an unreadable secret must not look like a lost POST."""
        self._key.read()

    def submit(
        self, model: str, model_input: dict[str, Any], webhook: str | None = None
    ) -> Submission:
        """Send the POST once. A 401 creates nothing, so the POST is repeated with a fresh key."""
        query = f"?webhook={quote(webhook, safe='')}" if webhook else ""
        url = f"{self._base}/{quote(model)}{query}"
        try:
            response = authorized(self._submits, self._key, "POST", url, model_input)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NotSent()
        except (httpx.TransportError, httpx.DecodingError):
            return Unknown()
        body = read_envelope(response)
        if body is None:
            return read_interception(response)
        if 400 <= response.status_code < 500:
            return self._redact_key(read_refusal(response.status_code, body, response))
        data = body.get("data")
        if isinstance(data, Mapping) and isinstance(data.get("id"), str) and data["id"]:
            return Accepted(data["id"])
        if not response.is_success:
            return Unknown()
        status = body.get("code")
        if isinstance(status, int) and 400 <= status < 500:
            return self._redact_key(read_refusal(status, body, response))
        return Unknown()

    def check(self, prediction_id: str) -> Prediction:
        """Read a prediction. Idempotent."""
        url = f"{self._base}/predictions/{quote(prediction_id, safe='')}/result"
        try:
            response = authorized(self._checks, self._key, "GET", url)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return Unreadable(Code.PROVIDER_UNAVAILABLE, type(error).__name__)
        body = read_envelope(response)
        data = body.get("data") if body else None
        if body and response.status_code in (401, 403):
            return Unreadable(Code.UNAUTHORIZED, f"HTTP {response.status_code}")
        if body is None or not response.is_success or not isinstance(data, Mapping):
            return Unreadable(Code.PROVIDER_UNAVAILABLE, f"HTTP {response.status_code}")
        return self._redact_key(read_prediction(body, data))

    def delete(self, prediction_id: str) -> bool:
        """Delete a prediction; the API ignores unknown ids. Return whether the API confirmed it."""
        return self._read("POST", "predictions/delete", {"ids": [prediction_id]}) is not None

    def list_predictions(
        self, model: str, after: datetime, before: datetime
    ) -> list[ListedPrediction] | None:
        """Return the predictions of a model created in a window; None if the list is unreadable."""
        predictions: dict[str, ListedPrediction] = {}
        window = {"created_after": write_moment(after), "created_before": write_moment(before)}
        for page in range(1, _MAX_PAGES + 1):
            query = {"page": page, "page_size": _PAGE, "model": model, "include_inputs": True}
            data = self._read("POST", "predictions", query | window)
            try:
                listed = read_list(data)
            except (ValueError, KeyError, TypeError):
                return None
            predictions |= {prediction.prediction_id: prediction for prediction in listed}
            if len(listed) < _PAGE:
                return list(predictions.values())
        return None  # the window has more pages than the limit

    def webhook_secret(self) -> str | None:
        """Return the signing secret of webhooks, or None if it could not be read."""
        data = self._read("GET", "webhook/secret")
        # The documentation shows an object; some clients expect plain text.
        secret = data.get("secret") if isinstance(data, Mapping) else data
        return secret if isinstance(secret, str) and secret else None

    def _read(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the data of a call that can be repeated, or None if the call failed."""
        try:
            response = authorized(self._checks, self._key, method, f"{self._base}/{path}", body)
        except (httpx.TransportError, httpx.DecodingError):
            return None
        reply = read_envelope(response)
        if reply is None or not response.is_success or reply.get("code") not in (None, 200):
            return None
        return reply.get("data")

    def _redact_key[T](self, result: T) -> T:
        """Remove the API key from the provider's error text, which may quote the key."""
        if isinstance(result, Refused | Failed):
            key = self._key.read().get_secret_value()
            return replace(result, detail=result.detail.replace(key, "…"))
        return result
