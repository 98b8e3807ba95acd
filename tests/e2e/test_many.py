"""Many jobs at once: all end, each is charged once, every byte is what the CDN served."""

from collections import Counter

import pytest

from local.events import Event
from tests.e2e.desk import Desk, sha256

JOBS = 50


@pytest.fixture(scope="module")
def finished(desk: Desk) -> list[Event]:
    asked = [desk.ask(prompt=f"Postcard number {number}") for number in range(JOBS)]
    return [desk.outcome(event_id) for event_id in asked]


def test_fifty_jobs_at_once_all_complete(finished: list[Event]) -> None:
    assert Counter(event["detail-type"] for event in finished) == {"JobCompleted": JOBS}


def test_the_ledger_shows_one_charge_for_each_job(desk: Desk, finished: list[Event]) -> None:
    predictions = [event["detail"]["prediction_id"] for event in finished]
    charges = Counter(
        entry["prediction"]
        for entry in desk.admin("ledger")["entries"]
        if entry["kind"] == "deduct"
    )

    assert len(set(predictions)) == JOBS
    assert [charges[prediction] for prediction in predictions] == [1] * JOBS
    assert len(desk.posts("Postcard number ")) == JOBS


def test_every_stored_byte_is_what_the_cdn_served(desk: Desk, finished: list[Event]) -> None:
    served = {body["sha256"] for bodies in desk.admin("served").values() for body in bodies}

    for event in finished:
        (asset,) = event["detail"]["assets"]
        assert sha256(desk.body(asset)) == asset["sha256"]
        assert asset["sha256"] in served
