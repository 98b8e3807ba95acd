"""Polling: all statuses, codes and responses of wavespeed-api.md 1.3, 1.4, 6.4, 12.2, 12.3."""

import json
from typing import Any

import httpx
import pytest

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


@pytest.mark.parametrize("status", ["completed", "succeeded", "success", "COMPLETED"])
@pytest.mark.parametrize(
    ("outputs", "urls"),
    [
        ([URL], (URL,)),
        ([URL, URL + "2"], (URL, URL + "2")),
        ([{"url": URL, "x": 1}], (URL,)),
        (URL, (URL,)),
        ({"url": URL}, (URL,)),
    ],
)
def test_completed_prediction_has_its_outputs_in_order(
    status: str, outputs: list[Any], urls: tuple[str, ...]
) -> None:
    result = check(prediction(status, outputs=outputs, has_nsfw_contents=[True], executionTime=9))

    assert result == Succeeded(urls)


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


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_is_unauthorized(status: int) -> None:
    result = check(error(status, "no"))

    assert isinstance(result, Unreadable)
    assert result.code is Code.UNAUTHORIZED


def test_lone_surrogate_in_the_message_can_be_encoded() -> None:
    body = {"data": {"status": "failed", "error": "flagged: \ud83d"}}

    result = check(httpx.Response(200, content=json.dumps(body).encode()))

    assert isinstance(result, Failed)
    assert result.detail.encode()
