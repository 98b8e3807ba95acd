"""Contract of the port Billing against the simulator: each ledger entry once, or none."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from darkroom.adapters.wavespeed.billing import WaveSpeedBilling
from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.adapters.wavespeed.http import read_moment
from darkroom.domain.bills import EntryType
from darkroom.ports import Accepted
from simulator import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulator_calls import INPUT, MODEL

HOUR = timedelta(hours=1)


@pytest.fixture
def delays() -> list[float]:
    return []


@pytest.fixture
def billing(simulator: testing.Provider, delays: list[float]) -> Generator[WaveSpeedBilling]:
    keys = Keys(simulator.key)
    adapter = WaveSpeedBilling(simulator.provider_url, keys, sleep=delays.append)
    with adapter._client:
        yield adapter


def submit(provider: WaveSpeed, **changes: Any) -> str:
    submission = provider.submit(MODEL, INPUT | changes)
    assert isinstance(submission, Accepted)
    return submission.prediction_id


def now(simulator: testing.Provider) -> datetime:
    return read_moment(simulator._object("POST", "/clock", {"advance": 0})["now"])


def test_charges_and_refunds_have_prediction_and_amount(
    simulator: testing.Provider, provider: WaveSpeed, billing: WaveSpeedBilling
) -> None:
    start = now(simulator)
    completed = submit(provider, quality="high")
    simulator.fault("run.failed")
    failed = submit(provider, prompt="y")
    simulator.advance(7_200)

    entries = billing.charges(start, now(simulator)) or []

    fields = {(entry.kind, entry.prediction_id, entry.micro_usd, entry.model) for entry in entries}
    assert len(entries) == 3
    assert fields == {
        (EntryType.DEDUCT, completed, 220_000, MODEL),
        (EntryType.DEDUCT, failed, 10_000, MODEL),
        (EntryType.REFUND, failed, 10_000, MODEL),
    }
    assert all(entry.at.tzinfo is UTC for entry in entries)


def test_window_includes_its_start_and_excludes_its_end(
    simulator: testing.Provider, provider: WaveSpeed, billing: WaveSpeedBilling
) -> None:
    start = now(simulator)
    submit(provider)

    [charged_at] = [entry.at for entry in billing.charges(start, start + HOUR) or []]
    assert billing.charges(charged_at - HOUR, charged_at) == []
    assert [entry.at for entry in billing.charges(charged_at, charged_at + HOUR) or []] == [
        charged_at
    ]


def test_failed_page_is_retried_three_times_then_none(
    simulator: testing.Provider,
    provider: WaveSpeed,
    billing: WaveSpeedBilling,
    delays: list[float],
) -> None:
    start = now(simulator)
    submit(provider)

    simulator.fault("billing.close", times=3)
    assert len(billing.charges(start, start + HOUR) or []) == 1
    assert delays == [2, 10, 60]

    simulator.fault("billing.close", times=0)
    assert billing.charges(start, start + HOUR) is None
