"""Responses of the prediction list: pages, timestamps and invalid responses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from darkroom.ports import ListedPrediction
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

MODEL = "openai/gpt-image-2/text-to-image"
SINCE = datetime(2026, 11, 22, 12, 0, 0, 123456, UTC)
TIMESTAMP = datetime(2025, 5, 19, 6, 9, 15, 948268, UTC)


def item(**changes: Any) -> dict[str, Any]:
    return {"id": ID, "model": MODEL, "created_at": "2025-05-19T06:09:15.948268264Z"} | changes


def page(*items: Any) -> httpx.Response:
    return envelope({"page": 1, "items": list(items)})


def full(first: int, size: int = 100) -> httpx.Response:
    return page(*(item(id=f"p{number}") for number in range(first, first + size)))


def list_with(http: ScriptedHttp) -> list[ListedPrediction] | None:
    return provider(http, Keys("wsk_1")).list_predictions(
        MODEL, SINCE, SINCE + timedelta(minutes=5)
    )


def list_from(*responses: ScriptedResponse) -> list[ListedPrediction] | None:
    return list_with(ScriptedHttp(*responses))


def test_request_has_the_expected_body() -> None:
    http = ScriptedHttp(page())

    assert list_with(http) == []

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
    ("text", "timestamp"),
    [
        ("2025-05-19T06:09:15.948268264Z", TIMESTAMP),
        ("2025-05-19T06:09:15.948268Z", TIMESTAMP),
        ("2025-05-19T08:09:15.948268+02:00", TIMESTAMP),
        ("2025-05-19T06:09:15.948Z", TIMESTAMP.replace(microsecond=948000)),
        ("2025-05-19T06:09:15Z", TIMESTAMP.replace(microsecond=0)),
        ("2025-05-19 06:09:15.9482682645+00:00", TIMESTAMP),
    ],
)
def test_timestamp_with_any_precision_and_zone_is_read(text: str, timestamp: datetime) -> None:
    assert list_from(page(item(created_at=text))) == [ListedPrediction(ID, timestamp, None)]


@pytest.mark.parametrize(
    ("fields", "inputs"),
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
def test_inputs_are_read_from_two_names_and_are_optional(
    fields: dict[str, Any], inputs: dict[str, Any] | None
) -> None:
    assert list_from(page(item(**fields))) == [ListedPrediction(ID, TIMESTAMP, inputs)]


@pytest.mark.parametrize(
    ("responses", "count", "request_count"),
    [
        ([full(0), full(100), full(200, 3)], 203, 3),
        ([full(0), page()], 100, 2),
        ([full(0, 99)], 99, 1),
        ([page()], 0, 1),
    ],
)
def test_pages_are_requested_until_one_is_not_full(
    responses: list[ScriptedResponse], count: int, request_count: int
) -> None:
    http = ScriptedHttp(*responses)

    predictions = list_with(http)

    assert predictions is not None
    assert [prediction.prediction_id for prediction in predictions] == [
        f"p{number}" for number in range(count)
    ]
    assert [json.loads(request.content)["page"] for request in http.requests] == [
        *range(1, request_count + 1)
    ]


def test_prediction_on_two_pages_is_listed_once() -> None:
    predictions = list_from(full(0), full(97, 5))

    assert predictions is not None
    assert sorted(prediction.prediction_id for prediction in predictions) == sorted(
        f"p{n}" for n in range(102)
    )


@pytest.mark.parametrize(
    "response", [error(500), html(502), httpx.ReadTimeout("x"), page(None, {})]
)
def test_unreadable_page_returns_none(response: ScriptedResponse) -> None:
    assert list_from(full(0), response) is None


def test_list_is_given_up_after_50_pages() -> None:
    http = ScriptedHttp(full(0))

    assert list_with(http) is None

    assert len(http.requests) == 50


UNREAD: list[ScriptedResponse] = [
    error(400), error(403), envelope("x"), envelope({}), envelope({"items": None}),
    envelope({"items": 5}), page({"created_at": "2025-05-19T06:09:15Z"}),
    page({"id": ID}), page(item(created_at="yesterday")), page(item(created_at=None)),
]  # fmt: skip


@pytest.mark.parametrize("response", UNREAD, ids=repr)
def test_invalid_response_returns_none(response: ScriptedResponse) -> None:
    assert list_from(response) is None


def test_response_larger_than_16_mb_returns_none() -> None:
    http = ScriptedHttp(page(item(inputs={"prompt": "x" * 16_100_000})))

    assert list_with(http) is None
