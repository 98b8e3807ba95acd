"""Replies of the provider's list, byte for byte: pages, moments, and what is no list."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.ports import ListedPrediction
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

MODEL = "openai/gpt-image-2/text-to-image"
SINCE = datetime(2026, 11, 22, 12, 0, 0, 123456, UTC)
MOMENT = datetime(2025, 5, 19, 6, 9, 15, 948268, UTC)


def item(**changes: Any) -> dict[str, Any]:
    return {"id": ID, "model": MODEL, "created_at": "2025-05-19T06:09:15.948268264Z"} | changes


def page(*items: Any) -> httpx.Response:
    return envelope({"page": 1, "items": list(items)})


def full(first: int, size: int = 100) -> httpx.Response:
    return page(*(item(id=f"p{number}") for number in range(first, first + size)))


def ask(http: ScriptedHttp) -> list[ListedPrediction] | None:
    return provider(http, Keys("wsk_1")).list_predictions(
        MODEL, SINCE, SINCE + timedelta(minutes=5)
    )


def listed(*answers: Answer) -> list[ListedPrediction] | None:
    return ask(ScriptedHttp(*answers))


def test_the_question_is_what_the_provider_expects() -> None:
    http = ScriptedHttp(page())

    assert ask(http) == []

    [request] = http.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/api/v3/predictions")
    assert request.headers["authorization"] == "Bearer wsk_1"
    assert json.loads(request.content) == {
        "page": 1,
        "page_size": 100,
        "model": MODEL,
        "include_inputs": True,
        "created_after": "2026-11-22T12:00:00.123456Z",
        "created_before": "2026-11-22T12:05:00.123456Z",
    }


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-05-19T06:09:15.948268264Z", MOMENT),
        ("2025-05-19T06:09:15.948268Z", MOMENT),
        ("2025-05-19T08:09:15.948268+02:00", MOMENT),
        ("2025-05-19T06:09:15.948Z", MOMENT.replace(microsecond=948000)),
        ("2025-05-19T06:09:15Z", MOMENT.replace(microsecond=0)),
        ("2025-05-19 06:09:15.9482682645+00:00", MOMENT),
    ],
)
def test_a_moment_may_have_any_number_of_digits_and_any_zone(text: str, moment: datetime) -> None:
    assert listed(page(item(created_at=text))) == [ListedPrediction(ID, moment, None)]


@pytest.mark.parametrize(
    ("more", "inputs"),
    [
        ({}, None),
        ({"inputs": {"prompt": "x"}}, {"prompt": "x"}),
        ({"input": {"prompt": "x"}}, {"prompt": "x"}),
        ({"inputs": {"prompt": "x"}, "input": {"prompt": "y"}}, {"prompt": "x"}),
        ({"inputs": {}}, {}),
        ({"inputs": None}, None),
        ({"inputs": "prompt"}, None),
        ({"inputs": ["prompt"]}, None),
    ],
)
def test_inputs_go_by_two_names_and_may_not_be_there(
    more: dict[str, Any], inputs: dict[str, Any] | None
) -> None:
    assert listed(page(item(**more))) == [ListedPrediction(ID, MOMENT, inputs)]


@pytest.mark.parametrize(
    ("answers", "count", "asked"),
    [
        ([full(0), full(100), full(200, 3)], 203, 3),
        ([full(0), page()], 100, 2),
        ([full(0, 99)], 99, 1),
        ([page()], 0, 1),
    ],
)
def test_pages_are_asked_for_until_one_is_not_full(
    answers: list[Answer], count: int, asked: int
) -> None:
    http = ScriptedHttp(*answers)

    found = ask(http)

    assert found is not None
    assert [each.prediction_id for each in found] == [f"p{number}" for number in range(count)]
    assert [json.loads(each.content)["page"] for each in http.requests] == [*range(1, asked + 1)]


def test_what_moved_on_to_the_next_page_meanwhile_is_listed_once() -> None:
    found = listed(full(0), full(97, 5))

    assert found is not None
    assert sorted(each.prediction_id for each in found) == sorted(f"p{n}" for n in range(102))


@pytest.mark.parametrize("answer", [error(500), html(502), httpx.ReadTimeout("x"), page(None, {})])
def test_a_page_that_cannot_be_read_leaves_the_whole_list_unread(answer: Answer) -> None:
    assert listed(full(0), answer) is None


def test_a_list_without_end_is_given_up() -> None:
    http = ScriptedHttp(full(0))

    assert ask(http) is None

    assert len(http.requests) == 50


UNREAD: list[Answer] = [
    httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.DecodingError("x"),
    error(400), error(403), error(404), error(429), error(500), html(200), html(502),
    httpx.Response(204), httpx.Response(200, json=[]), httpx.Response(200, text='{"data": {"it'),
    httpx.Response(302, headers={"location": "https://elsewhere.test/"}),
    envelope(None), envelope([]), envelope("x"), envelope({}), envelope({"items": None}),
    envelope({"items": 5}), envelope(None, code=500), page({"created_at": "2025-05-19T06:09:15Z"}),
    page({"id": ID}), page(item(created_at="yesterday")), page(item(created_at=None)),
]  # fmt: skip


@pytest.mark.parametrize("answer", UNREAD, ids=repr)
def test_what_is_no_list_is_not_an_empty_one(answer: Answer) -> None:
    assert listed(answer) is None


def test_a_reply_that_does_not_end_is_given_up() -> None:
    http = ScriptedHttp(page(item(inputs={"prompt": "x" * 16_100_000})))

    assert ask(http) is None


def test_a_401_is_asked_once_more_with_a_key_read_afresh() -> None:
    http, keys = ScriptedHttp(error(401), page(item())), Keys("old", "new")

    found = provider(http, keys).list_predictions(MODEL, SINCE, SINCE)

    assert found == [ListedPrediction(ID, MOMENT, None)]
    assert [each.headers["authorization"] for each in http.requests] == ["Bearer old", "Bearer new"]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "items", "id", "created_at", "inputs"]), inner)
    ),
    max_leaves=9,
)


@settings(settings.get_profile("contract"), max_examples=200)
@given(st.integers(200, 599), JSON | JSON.map(lambda data: {"data": {"items": data}}))
def test_any_reply_is_a_list_or_unread_and_never_a_crash(status: int, body: Any) -> None:
    found = listed(httpx.Response(status, json=body))

    assert found is None or all(isinstance(each, ListedPrediction) for each in found)
    assert found is None or status < 300
