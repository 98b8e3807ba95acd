"""Submitting: classification of all responses of wavespeed-api.md 1.5, 6.2, 6.3 and 12.1."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Code
from darkroom.ports import Accepted, NotSent, Refused, Submission, Throttled, Unknown
from tests.contract.scripted_http import (
    BASE,
    ID,
    Keys,
    ScriptedHttp,
    ScriptedResponse,
    envelope,
    error,
    html,
    provider,
)
from tests.profiles import examples

MODEL = "openai/gpt-image-2/text-to-image"
CREATED = {"id": ID, "model": MODEL, "status": "created", "outputs": [], "urls": {}}
NO_CREDIT = "Insufficient credits. Please top up your account to continue."
FLAGGED = "Content flagged as potentially sensitive. Please try different prompts or images."


def submit(*responses: ScriptedResponse) -> Submission:
    return provider(ScriptedHttp(*responses)).submit(MODEL, {"prompt": "x"})


def test_submit_posts_the_model_input_only() -> None:
    http = ScriptedHttp(envelope(CREATED))
    model_input = {"prompt": "Ö\U0001f3ee", "quality": "low", "nested": {"seed": 1}}

    assert provider(http, Keys("wsk_1")).submit(MODEL, model_input) == Accepted(ID)

    [request] = http.requests
    assert request.method == "POST"
    assert str(request.url) == f"{BASE}/api/v3/{MODEL}"
    assert request.headers["authorization"] == "Bearer wsk_1"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == model_input


@pytest.mark.parametrize(
    "response",
    [
        envelope(CREATED),
        envelope(CREATED | {"status": "processing"}),
        envelope({"id": "pred_x/…?"}),
        envelope(CREATED | {"outputs": None, "created_at": "2025-05-19T06:09:15.948268264Z"}),
        # A sync mode timeout and an already failed prediction: both predictions exist, and the next
        # poll returns their status.
        envelope(CREATED | {"code": 5004, "error": "Sync mode timed out after 90 seconds"}),
        envelope(CREATED | {"status": "failed", "error": "x"}, code=402, message="no credit"),
        *(httpx.Response(status, json={"data": CREATED}) for status in (200, 201, 202, 500)),
    ],
)
def test_response_with_an_id_is_accepted(response: httpx.Response) -> None:
    assert submit(response) == Accepted(json.loads(response.content)["data"]["id"])


NOT_SENT = [
    httpx.ConnectError("refused"),
    httpx.ConnectError("[Errno -2] Name or service not known"),
    httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("busy"),
]


@pytest.mark.parametrize("failure", NOT_SENT, ids=repr)
def test_failed_connection_is_not_sent(failure: Exception) -> None:
    assert submit(failure) == NotSent()


AMBIGUOUS: list[ScriptedResponse] = [
    httpx.ReadTimeout("60 s"),
    httpx.WriteTimeout("slow"),
    httpx.ReadError("reset by peer"),
    httpx.WriteError("broken pipe"),
    httpx.CloseError("x"),
    httpx.RemoteProtocolError("server disconnected without sending a response"),
    httpx.ProxyError("x"),
    httpx.DecodingError("bad gzip"),
    error(500), error(502), error(503), error(504), error(408), error(499), error(599),
    *(html(status) for status in (200, 202, 303, 408, 499, 500, 502, 503, 504, 520, 524)),
    httpx.Response(503, headers={"Retry-After": "5"}, json={"code": 503, "message": "busy"}),
    httpx.Response(200), httpx.Response(200, text="OK"), httpx.Response(200, text='{"data": {"id"'),
    httpx.Response(200, content=b"\xff\xfe\x00"), httpx.Response(200, json=[]),
    httpx.Response(200, json=None), httpx.Response(200, text="[" * 100_000),
    httpx.Response(200, text='{"code": ' + "9" * 5000 + "}"),
    httpx.Response(201, json={"data": {}}), httpx.Response(204),
    httpx.Response(303, headers={"location": "https://elsewhere.test/"}), httpx.Response(300),
    envelope(None), envelope([]), envelope({}), envelope({"id": ""}), envelope({"id": None}),
    envelope({"id": 5}), envelope({"id": ["x"]}), envelope("x"),
    envelope(None, code=500, message="internal error"), envelope(None, code="400"),
    envelope({}, code=None),
]  # fmt: skip


@pytest.mark.parametrize("response", AMBIGUOUS, ids=repr)
def test_ambiguous_response_is_unknown_and_not_retried(
    response: ScriptedResponse,
) -> None:
    http = ScriptedHttp(response)

    assert provider(http).submit(MODEL, {"prompt": "x"}) == Unknown()

    assert len(http.requests) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("", None), ("7", 7), ("0", 0), ("-1", None), ("1.5", None), ("9" * 5000, None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("\xb2", None)],
)  # fmt: skip
@pytest.mark.parametrize(
    ("body", "by_edge"),
    [(b'{"code":429,"message":"concurrency limit"}', False), (b"", True), (b"<html>", True)],
)
def test_429_is_throttled_with_retry_after(
    value: str, seconds: int | None, body: bytes, by_edge: bool
) -> None:
    headers = [(b"Retry-After", value.encode("latin-1"))] if value else []

    submission = submit(httpx.Response(429, headers=headers, content=body))

    assert submission == Throttled(seconds, by_edge)


def test_429_in_the_body_is_throttled() -> None:
    assert submit(envelope(None, code=429, message="too many requests")) == Throttled(None)


@pytest.mark.parametrize(
    ("response", "code", "blocks_account"),
    [
        (error(401, "bad key"), Code.UNAUTHORIZED, True),
        (envelope({}, code=401, message="key"), Code.UNAUTHORIZED, True),
        (error(402, "Payment required"), Code.INSUFFICIENT_CREDITS, True),
        (envelope(None, code=402, message="no credit"), Code.INSUFFICIENT_CREDITS, True),
        (error(400, NO_CREDIT), Code.INSUFFICIENT_CREDITS, True),
        (error(403, "Please top up your account"), Code.INSUFFICIENT_CREDITS, True),
        (envelope(None, code=400, message=NO_CREDIT), Code.INSUFFICIENT_CREDITS, True),
        (error(400, "prompt is required"), Code.INVALID_REQUEST, False),
        (error(400, FLAGGED), Code.MODERATED, False),
        (httpx.Response(400, json={"error": "base64 with webhook"}), Code.INVALID_REQUEST, False),
        (error(403, "Access denied by your role's policy"), Code.UNAUTHORIZED, False),
        (error(404, "unknown model"), Code.INVALID_REQUEST, False),
        (error(413, "too large"), Code.INVALID_REQUEST, False),
        (error(422, "invalid"), Code.INVALID_REQUEST, False),
        (error(409, "conflict"), Code.REJECTED, False),
        (error(410, "gone"), Code.REJECTED, False),
        (envelope(None, code=403, message="no"), Code.UNAUTHORIZED, False),
        (envelope(None, code=400, message="bad enum"), Code.INVALID_REQUEST, False),
    ],
    ids=repr,
)
def test_refusal_has_its_code_and_blocks_only_a_refused_account(
    response: httpx.Response, code: Code, blocks_account: bool
) -> None:
    submission = submit(response)

    assert isinstance(submission, Refused)
    assert (submission.code, submission.blocks_account) == (code, blocks_account)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"data": {"error": "first"}, "message": "second"}, "first"),
        ({"message": "second", "error": "third"}, "second"),
        ({"message": "success", "error": "third"}, "third"),
        ({"message": "", "msg": "fourth"}, "fourth"),
        ({"data": {"message": "fifth"}}, "fifth"),
        ({"code": 400, "message": {"not": "text"}}, ""),
        ({"message": "x" * 5000}, "x" * 300),
        ({"message": "cut \ud83d"}, "cut ?"),
    ],
)
def test_error_message_is_shortened_to_300_characters(body: dict[str, Any], message: str) -> None:
    submission = submit(httpx.Response(400, content=json.dumps(body).encode()))

    assert submission == Refused(Code.INVALID_REQUEST, message)


def test_401_is_retried_once_with_a_fresh_key() -> None:
    http, keys = ScriptedHttp(error(401), envelope(CREATED)), Keys("old", "new")

    assert provider(http, keys).submit(MODEL, {"prompt": "x"}) == Accepted(ID)

    sent = [request.headers["authorization"] for request in http.requests]
    assert sent == ["Bearer old", "Bearer new"]
    assert http.requests[0].content == http.requests[1].content
    assert keys.reads == [False, True]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (error(401, "bad key"), Refused(Code.UNAUTHORIZED, "bad key", blocks_account=True)),
        (httpx.ConnectError("x"), NotSent()),
        (httpx.ReadTimeout("x"), Unknown()),
        (html(502), Unknown()),
        (error(429), Throttled(None)),
    ],
)
def test_second_response_after_a_401_is_used(
    second: ScriptedResponse, expected: Submission
) -> None:
    http = ScriptedHttp(error(401), second)

    assert provider(http).submit(MODEL, {"prompt": "x"}) == expected

    assert len(http.requests) == 2


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "code", "data", "message", "error"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=examples(50))
@given(st.integers(200, 599), JSON)
def test_arbitrary_response_is_never_not_sent(status: int, body: Any) -> None:
    submission = submit(httpx.Response(status, json=body))

    assert not isinstance(submission, NotSent)
    assert not isinstance(submission, Accepted) or body["data"]["id"] == submission.prediction_id
    if status >= 500:
        assert submission == Unknown()
    if isinstance(submission, Throttled | Refused):
        assert 400 <= status < 500 or 400 <= body["code"] < 500


def test_key_is_removed_from_the_error_message() -> None:
    response = httpx.Response(403, json={"code": 403, "message": "key wsk_1 may not do this"})

    assert provider(ScriptedHttp(response), Keys("wsk_1")).submit(
        MODEL, {"prompt": "x"}
    ) == Refused(Code.UNAUTHORIZED, "key … may not do this")
