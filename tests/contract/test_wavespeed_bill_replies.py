"""Every reply to the question for bills, from a scripted wire: one bad line, and none is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters import wavespeed_billing
from darkroom.adapters.wavespeed_billing import WaveSpeedBilling
from darkroom.domain.bills import LedgerEntry
from tests.contract.scripted_http import BASE, Answer, Keys, ScriptedHttp, envelope, error, html
from tests.contract.simulated import MODEL

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def line(uuid: str = "u1", **changes: Any) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "billing_type": "deduct",
        "price": 0.06,
        "created_at": "2026-11-25T12:30:00.123456789Z",
        "prediction": {"uuid": "p1", "model_uuid": MODEL, "status": "completed"},
    } | changes


def page(*lines: object, has_more: object = False) -> httpx.Response:
    return envelope({"page": 1, "has_more": has_more, "items": list(lines)})


def read(*answers: Answer, slept: list[float] | None = None) -> list[LedgerEntry] | None:
    """One hour's bills; the refunds, which are asked for next, are none unless they are given."""
    sleep = (slept if slept is not None else []).append
    billing = WaveSpeedBilling(BASE, Keys(), ScriptedHttp(*answers, page()).transport, sleep)
    return billing.charges(NOON, NOON + HOUR)


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    slept: list[float] = []

    assert read(error(status), slept=slept) is None
    assert slept == []


def test_a_401_is_asked_once_more_with_a_key_read_afresh() -> None:
    http = ScriptedHttp(error(401), page(line()), page())

    found = WaveSpeedBilling(BASE, Keys("old", "new"), http.transport).charges(NOON, NOON + HOUR)

    assert found is not None
    assert len(found) == 1
    assert read(error(401), error(401)) is None


def test_each_hour_and_kind_is_asked_for_with_a_second_more_on_either_side() -> None:
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


def test_a_line_that_moved_to_the_next_page_counts_once() -> None:
    found = read(page(line("a"), line("b"), has_more=True), page(line("b"), line("c")))

    assert found is not None
    assert len(found) == 3


def test_pages_without_an_end_are_no_bill() -> None:
    assert read(page(line("a"), has_more=True), page(line("a"), has_more=True)) is None
    assert read(page(has_more=True)) is None


def test_more_pages_than_an_hour_can_have_are_no_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavespeed_billing, "_MAX_PAGES", 2)

    assert read(page(line("a"), has_more=True), page(line("b"))) is not None
    assert read(page(line("a"), has_more=True), page(line("b"), has_more=True)) is None


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
def test_an_amount_is_exact_to_a_micro_usd(changes: dict[str, Any], micro_usd: int) -> None:
    found = read(page(line(**changes)))

    assert found is not None
    assert [each.micro_usd for each in found] == [micro_usd]


@pytest.mark.parametrize("prediction", [None, {}, {"uuid": None}, "p1"])
def test_a_line_of_the_account_that_names_no_prediction_is_kept(prediction: object) -> None:
    found = read(page(line(prediction=prediction)))

    assert found is not None
    assert [each.prediction_id for each in found] == [""]


@pytest.mark.parametrize(
    "bad",
    [
        {"uuid": None}, {"uuid": ""}, {"uuid": 7}, {"price": None}, {"price": "free"},
        {"price": True}, {"price": 1e9}, {"created_at": None}, {"created_at": "yesterday"},
        {"billing_type": "refund"}, {"billing_type": "bonus"},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_that_cannot_be_read_makes_the_whole_unread(bad: dict[str, Any]) -> None:
    assert read(page(line("a"), line("b") | bad)) is None


@pytest.mark.parametrize(
    "answer",
    [
        page("x"), page(None), envelope([]), envelope(None), envelope({}), envelope({"items": {}}),
        html(200), html(502), httpx.Response(204), httpx.ConnectError("x"),
        httpx.Response(200, text='{"data": {"items": [{"price": NaN}]}}'),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_page_is_no_bill(answer: Answer) -> None:
    assert read(answer, answer, answer, answer) is None


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["u", "deduct", "2026-11-25"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*line(), "items", "has_more"]), inner)
    ),
    max_leaves=8,
)


@settings(settings.get_profile("contract"), max_examples=200)
@given(st.sampled_from([200, 200, 404, 500]), JSON)
def test_any_reply_is_taken_for_a_bill_or_for_none(status: int, body: Any) -> None:
    reply = httpx.Response(status, json={"code": 200, "data": body})
    billing = WaveSpeedBilling(BASE, Keys(), ScriptedHttp(reply).transport, lambda _: None)

    found = billing.charges(NOON, NOON + HOUR)

    assert found is None or all(each.micro_usd >= 0 for each in found)
