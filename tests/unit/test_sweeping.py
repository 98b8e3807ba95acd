"""When the sweep inspects a job, by its state."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.domain.sweeping import sweep_after
from tests.fakes.signals import START
from tests.unit.test_job import job

NOW = START + timedelta(hours=1)
SENT = {"submitting_at": START, "submitted_at": START, "prediction_id": "p"}
PUBLISHED = SENT | {"published_at": NOW}


@pytest.mark.parametrize(
    ("changes", "minutes"),
    [
        ({"status": Status.QUEUED}, 10),
        ({"status": Status.SUBMITTING}, 10),
        ({"status": Status.COMPLETED}, 2),
        ({"status": Status.FAILED, "code": Code.MODERATED}, 2),
        ({"status": Status.FAILED, "code": Code.DEADLINE_EXCEEDED, **PUBLISHED}, 2),
    ],
)
def test_job_is_inspected_some_minutes_after_its_change(
    changes: dict[str, Any], minutes: int
) -> None:
    assert sweep_after(job(), NOW, **changes) == NOW + timedelta(minutes=minutes)


def test_wait_of_a_queued_job_is_added() -> None:
    assert sweep_after(job(), NOW, 300) == NOW + timedelta(minutes=15)


def test_submitted_job_is_inspected_15_minutes_after_its_deadline() -> None:
    submitted = job(status=Status.SUBMITTED, deadline_seconds=900, **SENT)

    assert sweep_after(submitted, NOW) == START + timedelta(minutes=30)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.COMPLETED},
        {"status": Status.FAILED, "code": Code.MODERATED},
        {"status": Status.FAILED, "code": Code.DEADLINE_EXCEEDED, "stored_at": NOW},
    ],
)
def test_published_job_without_a_late_result_is_not_inspected(changes: dict[str, Any]) -> None:
    assert sweep_after(job(**PUBLISHED), NOW, **changes) is None


def test_late_result_is_polled_at_growing_intervals_until_the_provider_deletes_it() -> None:
    failed = job(status=Status.FAILED, code=Code.DEADLINE_EXCEEDED, **PUBLISHED)
    times, polls = [NOW], 0
    while next_poll := sweep_after(failed, times[-1], recovery_polls=polls):
        times.append(next_poll)
        polls += 1

    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[:-1] == sorted(waits[:-1])
    assert max(waits) == timedelta(hours=12)
    # WaveSpeed keeps a result for 7 days after the submission.
    assert times[-1] == START + timedelta(days=7) - timedelta(hours=1)
