"""What WaveSpeedAI's replies mean: statuses, codes and words, read tolerantly."""

import re
from collections.abc import Mapping
from typing import Any

import httpx

from darkroom.adapters.wavespeed_http import read_moment
from darkroom.domain.errors import Charged, Code
from darkroom.ports import (
    Failed,
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
_SECONDS = re.compile(r"[0-9]{1,9}")  # of Retry-After; its other form, a date, is not seen
_LINK = re.compile(r"(https?://|data:|s3://)\S+", re.I)
_DETAIL = 300  # characters kept of the provider's words


def read_prediction(body: Mapping[str, Any], data: Mapping[str, Any]) -> Prediction:
    """Return how a prediction stands, out of a reply's body and its data."""
    status = str(data.get("status") or "").lower()
    if status in _SUCCEEDED:
        outputs = _outputs(data.get("outputs"))
        if not outputs:
            return Failed(Code.PROVIDER_FAILED, "completed without outputs", Charged.YES)
        return Succeeded(outputs)
    if status in _FAILED:
        # The envelope's code may name another cause than the prediction's own: it is not asked.
        code, detail = data.get("code"), _detail(body)
        known = _PREDICTION_CODES.get(code) if isinstance(code, int) else None
        # What fails is refunded; of what was stopped or removed nobody says so.
        charged = Charged.MAYBE if status in _STOPPED else None
        return Failed(_classify(known, detail, Code.PROVIDER_FAILED), detail, charged)
    return Running(status, known=status in _RUNNING)


def _outputs(outputs: object) -> tuple[str, ...]:
    """Return the URLs; some models wrap each in an object."""
    if not isinstance(outputs, list):
        return ()
    urls = (item.get("url") if isinstance(item, Mapping) else item for item in outputs)
    return tuple(str(url) for url in urls if url)


def read_refusal(
    status: int, body: Mapping[str, Any] | None, response: httpx.Response
) -> Submission:
    """Return what a refusal of a submit means; `status` is its HTTP status, or the body's code."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        after = response.headers.get("retry-after", "")
        return Throttled(int(after) if _SECONDS.fullmatch(after) else None)
    if status in (httpx.codes.REQUEST_TIMEOUT, 499):
        return Unknown()  # a gateway gave up on a request that may have gone through
    detail = _detail(body or {})
    code = _classify(None, detail, _HTTP_CODES.get(status, Code.REJECTED))
    # 403 is about this model or request; 401 and an empty account are about every one.
    stops = status == httpx.codes.UNAUTHORIZED or code is Code.INSUFFICIENT_CREDITS
    return Refused(code, detail, stops)


def read_list(data: Mapping[str, Any]) -> list[ListedPrediction]:
    """Return the predictions on a page of the list; raises ValueError or KeyError if it is none."""
    return [_listed(item) for item in data["items"] if isinstance(item, Mapping)]


def _listed(item: Mapping[str, Any]) -> ListedPrediction:
    inputs = item.get("inputs", item.get("input"))
    return ListedPrediction(
        prediction_id=str(item["id"]),
        created_at=read_moment(item.get("created_at")),
        inputs=dict(inputs) if isinstance(inputs, Mapping) else None,
    )


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
            # They may quote a reference, which is a signed URL.
            safe = _LINK.sub("…", words)
            return safe[:_DETAIL].encode(errors="replace").decode()  # maybe half a letter
    return ""


def read_body(response: httpx.Response) -> Mapping[str, Any] | None:
    """Return a reply's JSON object, None if it is anything else."""
    try:
        body = response.json()
    except (ValueError, RecursionError):  # no JSON, no text, a number or a nesting without end
        return None
    return body if isinstance(body, Mapping) else None
