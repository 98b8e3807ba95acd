"""EndJob: one terminal status, whoever is first, and its event at least once."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobFailed
from darkroom.domain.job import OPEN, Job, Status
from tests.fakes.crashes import DeadError
from tests.fakes.world import World


def in_status(status: Status) -> tuple[World, Job]:
    world = World()
    job = world.accepted()
    changes: dict[str, Any] = {} if status is Status.QUEUED else {"submitting_at": world.clock()}
    world.jobs.update(job.job_id, when=[Status.QUEUED], status=status, **changes)
    return world, job


@pytest.mark.parametrize("status", OPEN)
def test_an_open_job_fails_with_its_code(status: Status) -> None:
    world, job = in_status(status)
    world.clock.advance(40)

    world.end_job().fail(job.job_id, Code.CANCELED)

    ended = world.job(job.job_id)

    assert (ended.status, ended.code, ended.ended_at) == (
        Status.FAILED,
        Code.CANCELED,
        job.accepted_at + timedelta(seconds=40),
    )
    [event] = world.events.published
    assert isinstance(event, JobFailed)
    assert (event.code, event.retryable) == (Code.CANCELED, True)
    assert event.charged is (Charged.NO if status is Status.QUEUED else Charged.MAYBE)
    assert world.job(job.job_id).announced_at == world.clock()


def test_the_end_is_counted_by_code_with_its_duration() -> None:
    world, job = in_status(Status.SUBMITTED)
    world.clock.advance(40)

    world.end_job().fail(job.job_id, Code.MODERATED)

    counted = {each.name: each for each in world.metrics.counted}
    assert counted["JobsFailed"].dimensions == {"code": "moderated"}
    assert (counted["JobDuration"].value, counted["JobDuration"].unit) == (40, "Seconds")
    assert "Checks" in counted


@given(st.lists(st.sampled_from([None, *Code]), min_size=1, max_size=5))
def test_the_first_end_counts_and_is_announced_once(ends: list[Code | None]) -> None:
    world, job = in_status(Status.SUBMITTED)

    results = [
        world.end_job().complete(job.job_id, ())
        if code is None
        else world.end_job().fail(job.job_id, code)
        for code in ends
    ]

    expected = Status.COMPLETED if ends[0] is None else Status.FAILED
    assert {each and (each.status, each.code) for each in results} == {(expected, ends[0])}
    [event] = world.events.published
    assert event.id == f"{job.job_id}.{expected}"
    assert world.metrics.total("JobsCompleted") + world.metrics.total("JobsFailed") == 1


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("completes", [True, False])
def test_a_crash_anywhere_leaves_an_end_that_a_rerun_announces(
    at: int, when: str, completes: bool
) -> None:
    world, job = in_status(Status.SUBMITTED)

    def end() -> Job | None:
        if completes:
            return world.end_job().complete(job.job_id, ())
        return world.end_job().fail(job.job_id, Code.CANCELED)

    world.fuse.plan = {world.fuse.calls + at: when}  # type: ignore[dict-item]
    with pytest.raises(DeadError):
        end()
    ended = end()

    assert ended
    assert ended.status is (Status.COMPLETED if completes else Status.FAILED)
    assert {event.id for event in world.events.published} == {f"{job.job_id}.{ended.status}"}
    assert world.job(job.job_id).announced_at is not None


def test_an_event_that_is_out_is_not_published_again() -> None:
    world, job = in_status(Status.QUEUED)

    world.end_job().fail(job.job_id, Code.CANCELED)
    world.end_job().fail(job.job_id, Code.CANCELED)

    assert len(world.events.published) == 1


def test_an_execution_under_another_name_than_a_jobs_closes_nothing() -> None:
    world = World()

    assert world.end_job().fail("started-by-hand", Code.CANCELED) is None
    assert world.events.published == []


def test_a_job_that_has_not_ended_is_not_announced() -> None:
    world, job = in_status(Status.SUBMITTED)

    with pytest.raises(LookupError):
        world.end_job().announce(job)
    assert world.events.published == []
