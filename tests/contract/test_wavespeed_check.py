"""Checking: every status, code and odd reply of wavespeed-api.md 1.3, 1.4, 6.4, 12.2 and 12.3."""

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
    Answer,
    Keys,
    ScriptedHttp,
    envelope,
    error,
    html,
    provider,
)

URL = "https://d2p7pge43lyniu.cloudfront.net/output/a-u1_b.jpeg"


def check(*answers: Answer) -> Prediction:
    return provider(ScriptedHttp(*answers)).check(ID)


def prediction(status: Any, **more: Any) -> httpx.Response:
    return envelope({"id": ID, "status": status, "outputs": [], "error": "", **more})


def test_the_get_goes_to_our_own_url_whatever_the_provider_prints() -> None:
    http = ScriptedHttp(prediction("processing", urls={"get": "https://evil.test/steal"}))
    adapter = provider(http, Keys("wsk_1"))

    adapter.check(ID)
    adapter.check("a/../b?c#d")

    first, second = http.requests
    assert (first.method, first.content) == ("GET", b"")
    assert str(first.url) == f"{BASE}/api/v3/predictions/{ID}/result"
    assert second.url.raw_path == b"/api/v3/predictions/a%2F..%2Fb%3Fc%23d/result"
    assert first.headers["authorization"] == "Bearer wsk_1"


@pytest.mark.parametrize("word", ["created", "queued", "pending", "processing", "Processing"])
def test_a_known_word_means_that_it_goes_on(word: str) -> None:
    assert check(prediction(word)) == Running(word.lower(), known=True)


@pytest.mark.parametrize("word", ["simmering", "", None, 5, "finalizing", ["completed"], {}])
def test_any_other_word_too_but_is_told_apart(word: object) -> None:
    found = check(prediction(word))

    assert isinstance(found, Running)
    assert not found.known


def test_a_sync_mode_timeout_goes_on() -> None:
    found = check(prediction("processing", code=5004, error="Sync mode timed out after 90 seconds"))

    assert found == Running("processing", known=True)


@pytest.mark.parametrize("word", ["completed", "succeeded", "success", "COMPLETED"])
@pytest.mark.parametrize(
    ("outputs", "urls"),
    [([URL], (URL,)), ([URL, URL + "2"], (URL, URL + "2")), ([{"url": URL, "x": 1}], (URL,))],
)
def test_a_finished_prediction_has_its_outputs_in_order(
    word: str, outputs: list[Any], urls: tuple[str, ...]
) -> None:
    found = check(prediction(word, outputs=outputs, has_nsfw_contents=[True], executionTime=9))

    assert found == Succeeded(urls)


@pytest.mark.parametrize("outputs", [None, [], "", [""], [None], [{}], URL, {"url": URL}])
def test_a_finished_prediction_without_outputs_has_failed(outputs: object) -> None:
    found = check(prediction("completed", outputs=outputs))

    assert found == Failed(Code.PROVIDER_FAILED, "completed without outputs", Charged.YES)


@pytest.mark.parametrize(
    ("word", "charged"),
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
def test_every_word_for_an_end_without_a_result_is_one(word: str, charged: Charged | None) -> None:
    assert check(prediction(word, error="gone")) == Failed(Code.PROVIDER_FAILED, "gone", charged)


def test_a_link_in_the_providers_words_is_left_out() -> None:
    found = check(prediction("failed", error="cannot read https://b.s3/k?X-Amz-Signature=1 now"))

    assert found == Failed(Code.PROVIDER_FAILED, "cannot read … now")


@pytest.mark.parametrize(
    ("number", "words", "code"),
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
def test_a_failure_is_classified_by_code_first_and_words_second(
    number: object, words: str, code: Code
) -> None:
    assert check(prediction("failed", code=number, error=words)) == Failed(code, words)


def test_the_predictions_own_cause_outweighs_the_envelopes() -> None:
    answer = envelope(
        {"status": "failed", "error": "Content flagged as sensitive", "code": 1200},
        code=402,
        message="insufficient credits",
    )

    assert check(answer) == Failed(Code.MODERATED, "Content flagged as sensitive")


def test_a_failure_without_words_has_none() -> None:
    assert check(prediction("failed")) == Failed(Code.PROVIDER_FAILED, "")


UNREADABLE: list[Answer] = [
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


@pytest.mark.parametrize("answer", UNREADABLE, ids=repr)
def test_an_answer_that_cannot_be_read_says_nothing_of_the_prediction(answer: Answer) -> None:
    http = ScriptedHttp(answer)

    found = provider(http).check(ID)

    assert isinstance(found, Unreadable)
    assert found.code is Code.PROVIDER_UNAVAILABLE
    assert len(http.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_stays_refused_is_told_apart(status: int) -> None:
    found = check(error(status, "no"))

    assert isinstance(found, Unreadable)
    assert found.code is Code.UNAUTHORIZED


def test_a_401_is_asked_once_more_with_a_key_read_afresh() -> None:
    http, keys = ScriptedHttp(error(401), prediction("processing")), Keys("old", "new")

    assert provider(http, keys).check(ID) == Running("processing", known=True)

    assert [request.headers["authorization"] for request in http.requests] == [
        "Bearer old",
        "Bearer new",
    ]


def test_half_a_letter_in_the_providers_words_can_be_stored() -> None:
    body = {"data": {"status": "failed", "error": "flagged: \ud83d"}}

    found = check(httpx.Response(200, content=json.dumps(body).encode()))

    assert isinstance(found, Failed)
    assert found.detail.encode()


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
def test_any_reply_is_taken_for_something(status: int, body: Any, wrapped: bool) -> None:
    content = {"code": 200, "data": body} if wrapped else body

    found = check(httpx.Response(status, json=content))

    if isinstance(found, Succeeded):
        assert found.outputs
        assert all(isinstance(url, str) and url for url in found.outputs)
    assert status == 200 or isinstance(found, Unreadable)
