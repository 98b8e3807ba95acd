"""The port Billing: every movement once, or nothing."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from darkroom.adapters.wavespeed import WaveSpeed
from darkroom.adapters.wavespeed_billing import WaveSpeedBilling
from darkroom.adapters.wavespeed_http import read_moment
from darkroom.domain.bills import EntryType
from darkroom.ports import Accepted
from local.provider import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulated import INPUT, MODEL

HOUR = timedelta(hours=1)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def billing(simulator: testing.Provider, slept: list[float]) -> Generator[WaveSpeedBilling]:
    keys = Keys(simulator.key)
    adapter = WaveSpeedBilling(simulator.provider_url, keys, sleep=slept.append)
    with adapter._client:
        yield adapter


def submit(provider: WaveSpeed, **changes: Any) -> str:
    answer = provider.submit(MODEL, INPUT | changes)
    assert isinstance(answer, Accepted)
    return answer.prediction_id


def now(simulator: testing.Provider) -> datetime:
    return read_moment(simulator._object("POST", "/clock", {"advance": 0})["now"])


def test_charges_and_refunds_name_their_prediction_and_their_sum(
    simulator: testing.Provider, provider: WaveSpeed, billing: WaveSpeedBilling
) -> None:
    start = now(simulator)
    kept = submit(provider, quality="high")
    simulator.fault("run.failed")
    lost = submit(provider, prompt="y")
    simulator.advance(7_200)

    found = billing.charges(start, now(simulator)) or []

    told = {(each.kind, each.prediction_id, each.micro_usd, each.model) for each in found}
    assert len(found) == 3
    assert told == {
        (EntryType.DEDUCT, kept, 220_000, MODEL),
        (EntryType.DEDUCT, lost, 10_000, MODEL),
        (EntryType.REFUND, lost, 10_000, MODEL),
    }
    assert all(each.at.tzinfo is UTC for each in found)


def test_many_movements_come_in_pages_and_each_once(
    simulator: testing.Provider, provider: WaveSpeed, billing: WaveSpeedBilling
) -> None:
    start, made = now(simulator), []
    for number in range(230):
        if number % 50 == 0:
            simulator.advance(1_200)
        made.append(submit(provider))

    found = billing.charges(start, now(simulator)) or []

    assert sorted(each.prediction_id for each in found) == sorted(made)


def test_a_window_has_its_start_and_not_its_end(
    simulator: testing.Provider, provider: WaveSpeed, billing: WaveSpeedBilling
) -> None:
    start = now(simulator)
    submit(provider)

    [moment] = [each.at for each in billing.charges(start, start + HOUR) or []]
    assert billing.charges(moment - HOUR, moment) == []
    assert [each.at for each in billing.charges(moment, moment + HOUR) or []] == [moment]


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("billing.http", {"status": 500}),
        ("billing.http", {"status": 429}),
        ("billing.http", {"status": 502, "body": "html"}),
        ("billing.close", {}),
        ("billing.not_json", {}),
        ("billing.truncated", {}),
        ("billing.body_code", {}),
    ],
)
def test_a_page_that_cannot_be_read_is_asked_for_again_and_at_last_nothing_is_told(
    simulator: testing.Provider,
    provider: WaveSpeed,
    billing: WaveSpeedBilling,
    slept: list[float],
    fault: str,
    params: dict[str, Any],
) -> None:
    start = now(simulator)
    submit(provider)

    simulator.fault(fault, times=3, **params)
    assert len(billing.charges(start, start + HOUR) or []) == 1
    assert slept == [2, 10, 60]

    simulator.fault(fault, times=0, **params)
    assert billing.charges(start, start + HOUR) is None
