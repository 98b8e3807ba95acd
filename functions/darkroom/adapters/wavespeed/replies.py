"""Interpretation of WaveSpeedAI's replies: statuses, error codes and error texts."""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from darkroom.adapters.wavespeed.http import read_moment
from darkroom.domain.errors import Charged, Code
from darkroom.ports import (
    Failed,
    Intercepted,
    ListedPrediction,
    Prediction,
    Refused,
    Running,
    Submission,
    Succeeded,
    Throttled,
    Unknown,
)

_SUCCEEDED = frozenset({"completed", "succeeded", "success"})
_FAILED = frozenset({"failed", "error", "cancelled", "canceled", "timeout", "deleted"})
_STOPPED = frozenset({"cancelled", "canceled", "deleted"})
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
# Redirects after which a client repeats the request at another URL: nothing was done at this one.
_NOT_PASSED_ON = frozenset({301, 302, 307, 308})
_GATEWAY_TIMEOUTS = frozenset({408, 499})
_SECONDS = re.compile(r"[0-9]{1,9}")  # Retry-After in seconds; the date form is ignored
_LINK = re.compile(r"(https?://|data:|s3://)\S+", re.I)
_DETAIL = 300  # characters kept of the provider's error text


def read_prediction(body: Mapping[str, Any], data: Mapping[str, Any]) -> Prediction:
    """Return the state of a prediction, from a reply's body and its data."""
    status = str(data.get("status") or "").lower()
    if status in _SUCCEEDED:
        return Succeeded(_outputs(data.get("outputs")))
    if status in _FAILED:
        # Use the prediction's code; the code of the envelope may describe another error.
        provider_code, detail = data.get("code"), _detail(body)
        code = _PREDICTION_CODES.get(provider_code) if isinstance(provider_code, int) else None
        # Failed predictions are refunded. For canceled or deleted ones no refund is documented.
        charged = Charged.MAYBE if status in _STOPPED else None
        return Failed(_classify(code, detail, Code.PROVIDER_FAILED), detail, charged)
    return Running(status, known=status in _RUNNING)


def _outputs(outputs: object) -> tuple[str, ...]:
    """Return the outputs as URLs or contents; "" for an output that is not there yet."""
    return tuple(map(_output, outputs if isinstance(outputs, list) else [outputs]))


def _output(item: object) -> str:
    if isinstance(item, Mapping) and "url" in item:  # some models wrap each URL in an object
        item = item["url"]
    if isinstance(item, str):
        return item.strip()
    return "" if item in (None, {}, []) else json.dumps(item, ensure_ascii=False)


def read_interception(response: httpx.Response) -> Submission:
    """Return the result of a submit that an edge answered in place of the API.

    A redirect or a refusal of an edge means that the edge did not pass on the request. A gateway's
    timeout, a 5xx and a success mean that it may have passed it on.
    """
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Throttled(_retry_after(response), by_edge=True)
    if status in _NOT_PASSED_ON or (400 <= status < 500 and status not in _GATEWAY_TIMEOUTS):
        return Intercepted()
    return Unknown()


def read_refusal(status: int, body: Mapping[str, Any], response: httpx.Response) -> Submission:
    """Return the result of a refused submit; `status` is the HTTP status, or the body's code."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Throttled(_retry_after(response))
    if status in _GATEWAY_TIMEOUTS:
        return Unknown()  # the request may have succeeded
    detail = _detail(body)
    code = _classify(None, detail, _HTTP_CODES.get(status, Code.REJECTED))
    # 403 concerns this model or request; 401 and an empty account concern every job.
    blocks_account = status == httpx.codes.UNAUTHORIZED or code is Code.INSUFFICIENT_CREDITS
    return Refused(code, detail, blocks_account)


def read_list(data: Mapping[str, Any]) -> list[ListedPrediction]:
    """Return the predictions of a list page. Raises ValueError or KeyError if it is unreadable."""
    return [_listed(item) for item in data["items"] if isinstance(item, Mapping)]


def _listed(item: Mapping[str, Any]) -> ListedPrediction:
    inputs = item.get("inputs", item.get("input"))
    return ListedPrediction(
        prediction_id=str(item["id"]),
        created_at=read_moment(item.get("created_at")),
        inputs=dict(inputs) if isinstance(inputs, Mapping) else None,
    )


def _classify(code: Code | None, detail: str, default: Code) -> Code:
    """Classify by the provider's code, then by its text: missing credits may be a 400 or a 402."""
    if code:
        return code
    text = detail.lower()
    if any(phrase in text for phrase in _CREDITS):
        return Code.INSUFFICIENT_CREDITS
    # The text of an authorization error may also contain "policy".
    if default is not Code.UNAUTHORIZED and any(phrase in text for phrase in _MODERATION):
        return Code.MODERATED
    return default


def _detail(body: Mapping[str, Any]) -> str:
    data = body.get("data")
    data = data if isinstance(data, Mapping) else {}
    candidates = (data.get("error"), body.get("message"), body.get("error"), body.get("msg"))
    for text in (*candidates, data.get("message")):
        if isinstance(text, str) and text and text != "success":
            # The text may quote a reference, which is a signed URL.
            redacted = _LINK.sub("…", text)
            # Lone surrogates cannot be encoded.
            return redacted[:_DETAIL].encode(errors="replace").decode()
    return ""


def _retry_after(response: httpx.Response) -> int | None:
    after = response.headers.get("retry-after", "")
    return int(after) if _SECONDS.fullmatch(after) else None


def read_envelope(response: httpx.Response) -> Mapping[str, Any] | None:
    """Return the body of an answer of the API; None if an edge answered, with a page or otherwise.

    The API answers with `code`, `message` and `data`, and to an invalid input also with an error
    text alone. Gateways and bot checks answer with HTML, with an empty body, or with other JSON.
    """
    try:
        body = response.json()
    except (ValueError, RecursionError):  # not JSON, not text, or too large a number or nesting
        return None
    if not isinstance(body, Mapping):
        return None
    is_refused_input = response.status_code in (400, 422) and _detail(body)
    is_envelope = "data" in body or isinstance(body.get("code"), int) or is_refused_input
    return body if is_envelope else None
