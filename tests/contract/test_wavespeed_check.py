"""Polling: all statuses, codes and responses of wavespeed-api.md 1.3, 1.4, 6.4, 12.2, 12.3."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code
from darkroom.ports import Failed, Prediction, Running, Succeeded, Unreadable
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

URL = "https://d2p7pge43lyniu.cloudfront.net/output/a-u1_b.jpeg"


def check(*responses: ScriptedResponse) -> Prediction:
    return provider(ScriptedHttp(*responses)).check(ID)


def prediction(status: Any, **fields: Any) -> httpx.Response:
    return envelope({"id": ID, "status": status, "outputs": [], "error": "", **fields})


def test_poll_uses_the_configured_url_and_escapes_the_id() -> None:
    http = ScriptedHttp(prediction("processing", urls={"get": "https://evil.test/steal"}))
    adapter = provider(http, Keys("wsk_1"))

    adapter.check(ID)
    adapter.check("a/../b?c#d")

    first, second = http.requests
    assert (first.method, first.content) == ("GET", b"")
    assert str(first.url) == f"{BASE}/api/v3/predictions/{ID}/result"
    assert second.url.raw_path == b"/api/v3/predictions/a%2F..%2Fb%3Fc%23d/result"
    assert first.headers["authorization"] == "Bearer wsk_1"


@pytest.mark.parametrize("status", ["created", "queued", "pending", "processing", "Processing"])
def test_known_unfinished_status_is_running(status: str) -> None:
    assert check(prediction(status)) == Running(status.lower(), known=True)


@pytest.mark.parametrize("status", ["simmering", "", None, 5, "finalizing", ["completed"], {}])
def test_unknown_status_is_running_and_marked_unknown(status: object) -> None:
    result = check(prediction(status))

    assert isinstance(result, Running)
    assert not result.known


def test_sync_mode_timeout_is_running() -> None:
    result = check(
        prediction("processing", code=5004, error="Sync mode timed out after 90 seconds")
    )

    assert result == Running("processing", known=True)


@pytest.mark.parametrize("status", ["completed", "succeeded", "success", "COMPLETED"])
@pytest.mark.parametrize(
    ("outputs", "urls"),
    [([URL], (URL,)), ([URL, URL + "2"], (URL, URL + "2")), ([{"url": URL, "x": 1}], (URL,))],
)
def test_completed_prediction_has_its_outputs_in_order(
    status: str, outputs: list[Any], urls: tuple[str, ...]
) -> None:
    result = check(prediction(status, outputs=outputs, has_nsfw_contents=[True], executionTime=9))

    assert result == Succeeded(urls)


@pytest.mark.parametrize("outputs", [None, [], "", [""], [None], [{}], URL, {"url": URL}])
def test_completed_prediction_without_outputs_has_failed(outputs: object) -> None:
    result = check(prediction("completed", outputs=outputs))

    assert result == Failed(Code.PROVIDER_FAILED, "completed without outputs", Charged.YES)


@pytest.mark.parametrize(
    ("status", "charged"),
    [
        ("failed", None),
        ("error", None),
        ("timeout", None),
        ("Failed", None),
        ("cancelled", Charged.MAYBE),
        ("canceled", Charged.MAYBE),
        ("deleted", Charged.MAYBE),
    ],
)
def test_each_failure_status_has_failed(status: str, charged: Charged | None) -> None:
    assert check(prediction(status, error="gone")) == Failed(Code.PROVIDER_FAILED, "gone", charged)


def test_link_in_the_error_message_is_removed() -> None:
    result = check(prediction("failed", error="cannot read https://b.s3/k?X-Amz-Signature=1 now"))

    assert result == Failed(Code.PROVIDER_FAILED, "cannot read … now")


@pytest.mark.parametrize(
    ("error_code", "message", "code"),
    [
        (1200, "The content contains sensitive information.", Code.MODERATED),
        (1200, "no", Code.MODERATED),
        (1400, "missing parameter", Code.INVALID_REQUEST),
        (1401, "invalid parameter", Code.INVALID_REQUEST),
        (1402, "could not fetch the safety image", Code.INVALID_REQUEST),
        (1403, "execution failed", Code.PROVIDER_FAILED),
        (1405, "task failed", Code.PROVIDER_FAILED),
        (1406, "retries exhausted", Code.PROVIDER_UNAVAILABLE),
        (1407, "no", Code.INSUFFICIENT_CREDITS),
        (5000, "internal", Code.PROVIDER_UNAVAILABLE),
        (5003, "unavailable", Code.PROVIDER_UNAVAILABLE),
        (5004, "timeout", Code.PROVIDER_UNAVAILABLE),
        (0, "Something went wrong. Try again later.", Code.PROVIDER_FAILED),
        (None, "Your prompt was flagged", Code.MODERATED),
        (1403, "rejected by our safety system", Code.MODERATED),
        ("1200", "NSFW", Code.MODERATED),
        (9999, "Insufficient balance", Code.INSUFFICIENT_CREDITS),
        ([1200], "", Code.PROVIDER_FAILED),
    ],
)
def test_failure_is_classified_by_code_before_message(
    error_code: object, message: str, code: Code
) -> None:
    assert check(prediction("failed", code=error_code, error=message)) == Failed(code, message)


def test_code_of_the_prediction_has_precedence_over_the_envelope() -> None:
    response = envelope(
        {"status": "failed", "error": "Content flagged as sensitive", "code": 1200},
        code=402,
        message="insufficient credits",
    )

    assert check(response) == Failed(Code.MODERATED, "Content flagged as sensitive")


def test_failure_without_message_has_empty_detail() -> None:
    assert check(prediction("failed")) == Failed(Code.PROVIDER_FAILED, "")


UNREADABLE: list[ScriptedResponse] = [
    httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.ReadTimeout("x"),
    httpx.ReadError("x"), httpx.RemoteProtocolError("x"), httpx.DecodingError("x"),
    error(404, "not found"), error(408), error(429), error(500), error(502), error(503),
    error(504), html(502), html(200), httpx.Response(200), httpx.Response(204),
    httpx.Response(302, headers={"location": "https://evil.test/"}),
    httpx.Response(200, text='{"code": 200, "data": {"status": "compl'),
    httpx.Response(200, content=b"\x80\x81"), httpx.Response(200, text="[" * 100_000),
    httpx.Response(200, text="9" * 5000), httpx.Response(200, json=[]),
    envelope(None), envelope([]), envelope("x"), envelope(None, code=500, message="x"),
]  # fmt: skip


@pytest.mark.parametrize("response", UNREADABLE, ids=repr)
def test_invalid_response_is_unreadable(
    response: ScriptedResponse,
) -> None:
    http = ScriptedHttp(response)

    result = provider(http).check(ID)

    assert isinstance(result, Unreadable)
    assert result.code is Code.PROVIDER_UNAVAILABLE
    assert len(http.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_unauthorized(status: int) -> None:
    result = check(error(status, "no"))

    assert isinstance(result, Unreadable)
    assert result.code is Code.UNAUTHORIZED


def test_401_is_retried_once_with_a_fresh_key() -> None:
    http, keys = ScriptedHttp(error(401), prediction("processing")), Keys("old", "new")

    assert provider(http, keys).check(ID) == Running("processing", known=True)

    assert [request.headers["authorization"] for request in http.requests] == [
        "Bearer old",
        "Bearer new",
    ]


def test_lone_surrogate_in_the_message_can_be_encoded() -> None:
    body = {"data": {"status": "failed", "error": "flagged: \ud83d"}}

    result = check(httpx.Response(200, content=json.dumps(body).encode()))

    assert isinstance(result, Failed)
    assert result.detail.encode()


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["failed", "completed", "x", URL]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["status", "outputs", "code", "error", "url"]), inner)
    ),
    max_leaves=8,
)


@settings(settings.get_profile("contract"), max_examples=200)
@given(st.sampled_from([200, 200, 404, 500]), JSON, st.booleans())
def test_arbitrary_response_returns_a_result(status: int, body: Any, wrapped: bool) -> None:
    content = {"code": 200, "data": body} if wrapped else body

    result = check(httpx.Response(status, json=content))

    if isinstance(result, Succeeded):
        assert result.outputs
        assert all(isinstance(url, str) and url for url in result.outputs)
    assert status == 200 or isinstance(result, Unreadable)
