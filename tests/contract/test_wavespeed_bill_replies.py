"""Responses of the billing API: one invalid entry invalidates the whole result."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from darkroom.adapters.wavespeed import billing as wavespeed_billing
from darkroom.adapters.wavespeed.billing import WaveSpeedBilling
from darkroom.domain.bills import LedgerEntry
from tests.contract.scripted_http import (
    BASE,
    Keys,
    ScriptedHttp,
    ScriptedResponse,
    envelope,
    error,
)
from tests.contract.simulator_calls import MODEL

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def entry(uuid: str = "u1", **changes: Any) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "billing_type": "deduct",
        "price": 0.06,
        "created_at": "2026-11-25T12:30:00.123456789Z",
        "prediction": {"uuid": "p1", "model_uuid": MODEL, "status": "completed"},
    } | changes


def page(*entries: object, has_more: object = False) -> httpx.Response:
    return envelope({"page": 1, "has_more": has_more, "items": list(entries)})


def read(
    *responses: ScriptedResponse, delays: list[float] | None = None
) -> list[LedgerEntry] | None:
    """Return the ledger entries of one hour; the second query (refunds) is empty by default."""
    sleep = (delays if delays is not None else []).append
    billing = WaveSpeedBilling(BASE, Keys(), ScriptedHttp(*responses, page()).transport, sleep)
    return billing.charges(NOON, NOON + HOUR)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_refusal_is_not_retried(status: int) -> None:
    delays: list[float] = []

    assert read(error(status), delays=delays) is None
    assert delays == []


def test_each_hour_and_type_is_queried_with_a_margin_of_one_second() -> None:
    http = ScriptedHttp(page())

    WaveSpeedBilling(BASE, Keys(), http.transport).charges(NOON, NOON + 1.5 * HOUR)

    queries = [json.loads(request.content) for request in http.requests]
    assert [(q["billing_type"], q["start_time"][11:19], q["end_time"][11:19]) for q in queries] == [
        ("deduct", "11:59:59", "13:00:01"),
        ("refund", "11:59:59", "13:00:01"),
        ("deduct", "12:59:59", "13:30:01"),
        ("refund", "12:59:59", "13:30:01"),
    ]
    assert str(http.requests[0].url) == f"{BASE}/api/v3/billings/search"


def test_entry_on_two_pages_counts_once() -> None:
    entries = read(page(entry("a"), entry("b"), has_more=True), page(entry("b"), entry("c")))

    assert entries is not None
    assert len(entries) == 3


def test_repeating_pages_return_none() -> None:
    assert read(page(entry("a"), has_more=True), page(entry("a"), has_more=True)) is None
    assert read(page(has_more=True)) is None


def test_too_many_pages_return_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavespeed_billing, "_MAX_PAGES", 2)

    assert read(page(entry("a"), has_more=True), page(entry("b"))) is not None
    assert read(page(entry("a"), has_more=True), page(entry("b"), has_more=True)) is None


@pytest.mark.parametrize(
    ("changes", "micro_usd"),
    [
        ({"price": 0.07}, 70_000),
        ({"price": -0.07}, 70_000),
        ({"price": "0.07"}, 70_000),
        ({"price": 1}, 1_000_000),
        ({"price": 0}, 0),
        ({"price": 0.30000000000000004}, 300_000),
    ],
)
def test_amount_is_exact_to_a_micro_usd(changes: dict[str, Any], micro_usd: int) -> None:
    entries = read(page(entry(**changes)))

    assert entries is not None
    assert [ledger_entry.micro_usd for ledger_entry in entries] == [micro_usd]


@pytest.mark.parametrize("prediction", [None, {}, {"uuid": None}, "p1"])
def test_entry_without_prediction_is_kept(prediction: object) -> None:
    entries = read(page(entry(prediction=prediction)))

    assert entries is not None
    assert [ledger_entry.prediction_id for ledger_entry in entries] == [""]


@pytest.mark.parametrize(
    "invalid_fields",
    [
        {"uuid": None}, {"uuid": ""}, {"uuid": 7}, {"price": None}, {"price": "free"},
        {"price": True}, {"price": 1e9}, {"created_at": None}, {"created_at": "yesterday"},
        {"billing_type": "refund"}, {"billing_type": "bonus"},
    ],
    ids=str,
)  # fmt: skip
def test_invalid_entry_returns_none(invalid_fields: dict[str, Any]) -> None:
    assert read(page(entry("a"), entry("b") | invalid_fields)) is None


@pytest.mark.parametrize(
    "response",
    [
        page("x"), page(None), envelope({}), envelope({"items": {}}),
        httpx.Response(200, text='{"data": {"items": [{"price": NaN}]}}'),
    ],
    ids=repr,
)  # fmt: skip
def test_invalid_page_returns_none(response: ScriptedResponse) -> None:
    assert read(response, response, response, response) is None
