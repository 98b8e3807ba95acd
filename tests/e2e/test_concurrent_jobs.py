"""Thirty concurrent jobs: all complete, each is charged once, and assets equal the CDN files."""

from collections import Counter

import pytest

from local.events import Event
from tests.e2e.deployment import Deployment, sha256

JOBS = 30


@pytest.fixture(scope="module")
def terminal_events(deployment: Deployment) -> list[Event]:
    event_ids = [
        deployment.request_job(prompt=f"Postcard number {number}") for number in range(JOBS)
    ]
    return [deployment.wait_for_request(event_id) for event_id in event_ids]


def test_all_concurrent_jobs_complete(terminal_events: list[Event]) -> None:
    assert Counter(event["detail-type"] for event in terminal_events) == {"JobCompleted": JOBS}


def test_each_job_is_charged_once(deployment: Deployment, terminal_events: list[Event]) -> None:
    predictions = [event["detail"]["prediction_id"] for event in terminal_events]
    charges = Counter(
        entry["prediction"]
        for entry in deployment.query_simulator("ledger")["entries"]
        if entry["kind"] == "deduct"
    )

    assert len(set(predictions)) == JOBS
    assert [charges[prediction] for prediction in predictions] == [1] * JOBS
    assert len(deployment.submits_with("Postcard number ")) == JOBS


def test_stored_assets_equal_the_files_of_the_cdn(
    deployment: Deployment, terminal_events: list[Event]
) -> None:
    served = {
        body["sha256"]
        for bodies in deployment.query_simulator("served").values()
        for body in bodies
    }

    for event in terminal_events:
        (asset,) = event["detail"]["assets"]
        assert sha256(deployment.asset_bytes(asset)) == asset["sha256"]
        assert asset["sha256"] in served
