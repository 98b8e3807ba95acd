"""WaveSpeedAI's REST API. The only place that knows its URLs, fields, statuses and codes."""

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from darkroom.domain.errors import Code
from darkroom.ports import (
    Accepted,
    Broken,
    Done,
    NotSent,
    Prediction,
    Refused,
    Running,
    Submission,
    Throttled,
    Unknown,
    Unreadable,
)

# A submit that times out may be paid for and lost, so it is given long; a check is simply repeated.
_SUBMIT_TIMEOUT = httpx.Timeout(60, connect=5)
_CHECK_TIMEOUT = httpx.Timeout(10, connect=5)

_SUCCEEDED = frozenset({"completed", "succeeded", "success"})
_FAILED = frozenset({"failed", "error", "cancelled", "canceled", "timeout", "deleted"})
_RUNNING = frozenset({"created", "queued", "pending", "processing"})

_HTTP_CODES = {
    400: Code.INVALID_REQUEST,
    401: Code.UNAUTHORIZED,
    402: Code.INSUFFICIENT_CREDITS,
    403: Code.UNAUTHORIZED,
    404: Code.INVALID_REQUEST,  # no such model
    413: Code.INVALID_REQUEST,
    422: Code.INVALID_REQUEST,
}
_PREDICTION_CODES = {
    1200: Code.MODERATED,
    1400: Code.INVALID_REQUEST,
    1401: Code.INVALID_REQUEST,
    1402: Code.INVALID_REQUEST,  # a reference could not be fetched or read
    1406: Code.PROVIDER_UNAVAILABLE,
    1407: Code.INSUFFICIENT_CREDITS,
    5000: Code.PROVIDER_UNAVAILABLE,
    5003: Code.PROVIDER_UNAVAILABLE,
    5004: Code.PROVIDER_UNAVAILABLE,
}
_MODERATION = ("moderation", "sensitive", "flagged", "policy", "safety", "nsfw", "prohibited")
_CREDITS = ("insufficient credit", "insufficient balance", "top up")
_SECONDS = re.compile(r"[0-9]{1,9}")  # of Retry-After; its other form, a date, is not seen
_DETAIL = 300  # characters kept of the provider's words


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

    def submit(self, model: str, model_input: dict[str, Any]) -> Submission:
        """Send the POST, once; a 401 took nothing, so it is sent again with a key read afresh."""
        url = f"{self._base}/{quote(model)}"
        try:
            response = self._authorized(self._submits, "POST", url, json=model_input)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NotSent()
        except (httpx.TransportError, httpx.DecodingError):
            return Unknown()
        body = _body(response)
        if 400 <= response.status_code < 500:
            return _refusal(response.status_code, body, response)
        if response.status_code != httpx.codes.OK or body is None:
            return Unknown()
        data = body.get("data")
        if isinstance(data, Mapping) and isinstance(data.get("id"), str) and data["id"]:
            return Accepted(data["id"])
        status = body.get("code")
        if isinstance(status, int) and 400 <= status < 500:
            return _refusal(status, body, response)
        return Unknown()

    def check(self, prediction_id: str) -> Prediction:
        """Read a prediction; safe to repeat."""
        url = f"{self._base}/predictions/{quote(prediction_id, safe='')}/result"
        try:
            response = self._authorized(self._checks, "GET", url)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return Unreadable(Code.PROVIDER_UNAVAILABLE, type(error).__name__)
        body = _body(response)
        data = body.get("data") if body else None
        if response.status_code in (401, 403):
            return Unreadable(Code.UNAUTHORIZED, f"HTTP {response.status_code}")
        if response.status_code != httpx.codes.OK or not isinstance(data, Mapping):
            return Unreadable(Code.PROVIDER_UNAVAILABLE, f"HTTP {response.status_code}")
        return _prediction(body or {}, data)

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
    return client.request(method, url, headers=headers, json=body)


def _prediction(body: Mapping[str, Any], data: Mapping[str, Any]) -> Prediction:
    status = str(data.get("status") or "").lower()
    if status in _SUCCEEDED:
        outputs = _outputs(data.get("outputs"))
        if not outputs:
            return Broken(Code.PROVIDER_FAILED, "completed without outputs")
        return Done(outputs)
    if status in _FAILED:
        # The envelope's code may name another cause than the prediction's own: it is not asked.
        code, detail = data.get("code"), _detail(body)
        known = _PREDICTION_CODES.get(code) if isinstance(code, int) else None
        return Broken(_classify(known, detail, Code.PROVIDER_FAILED), detail)
    return Running(status, known=status in _RUNNING)


def _outputs(outputs: object) -> tuple[str, ...]:
    """Return the URLs; some models wrap each in an object."""
    if not isinstance(outputs, list):
        return ()
    urls = (item.get("url") if isinstance(item, Mapping) else item for item in outputs)
    return tuple(str(url) for url in urls if url)


def _refusal(status: int, body: Mapping[str, Any] | None, response: httpx.Response) -> Submission:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        after = response.headers.get("retry-after", "")
        return Throttled(int(after) if _SECONDS.fullmatch(after) else None)
    if status in (httpx.codes.REQUEST_TIMEOUT, 499):
        return Unknown()  # a gateway gave up on a request that may have gone through
    detail = _detail(body or {})
    return Refused(_classify(None, detail, _HTTP_CODES.get(status, Code.REJECTED)), detail)


def _classify(known: Code | None, detail: str, otherwise: Code) -> Code:
    """Go by the provider's code first, then by its words: no credit comes as 400 as well as 402."""
    if known:
        return known
    words = detail.lower()
    if any(word in words for word in _CREDITS):
        return Code.INSUFFICIENT_CREDITS
    # A key's role can be against a policy, too.
    if otherwise is not Code.UNAUTHORIZED and any(word in words for word in _MODERATION):
        return Code.MODERATED
    return otherwise


def _detail(body: Mapping[str, Any]) -> str:
    data = body.get("data")
    data = data if isinstance(data, Mapping) else {}
    candidates = (data.get("error"), body.get("message"), body.get("error"), body.get("msg"))
    for words in (*candidates, data.get("message")):
        if isinstance(words, str) and words and words != "success":
            return words[:_DETAIL].encode(errors="replace").decode()  # maybe half a letter
    return ""


def _body(response: httpx.Response) -> Mapping[str, Any] | None:
    try:
        body = response.json()
    except (ValueError, RecursionError):  # no JSON, no text, a number or a nesting without end
        return None
    return body if isinstance(body, Mapping) else None
