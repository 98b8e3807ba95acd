"""EndJob: one terminal status, set by the first writer, and its event at least once."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobFailed
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import QueueShard, RateLimit
from darkroom.ports import QueueChange
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.world import TEXT_TO_IMAGE, World


def job_in_status(status: Status, **settings: Any) -> tuple[World, Job]:
    world = World(**settings)
    job = world.accept_job()
    if status is Status.SUBMITTING:
        world.app.acquire_slot.run(job, ())
    elif status is Status.SUBMITTED:
        world.app.submit_job.run(Step(job_id=job.job_id))
        world.events.published.clear()
    return world, job


def waiting_job() -> tuple[World, Job]:
    """Return a job that waits for its slot."""
    world = World(rate_limit=RateLimit(2, 2))
    world.app.submit_job.run(Step(job_id=world.accept_job(key="ahead").job_id))
    job = world.accept_job()
    assert world.app.submit_job.run(Step(job_id=job.job_id)).outcome is Outcome.DEFERRED
    world.events.published.clear()
    return world, job


@pytest.mark.parametrize("status", OPEN)
def test_open_job_fails_with_its_code(status: Status) -> None:
    world, job = job_in_status(status)
    world.clock.advance(40)

    world.app.end_job.fail(job.job_id, Code.CANCELED)

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
    assert world.job(job.job_id).published_at == world.clock()


def test_end_emits_metrics_with_code_and_duration() -> None:
    world, job = job_in_status(Status.SUBMITTED)
    world.clock.advance(40)

    world.app.end_job.fail(job.job_id, Code.MODERATED)

    records = {record.name: record for record in world.metrics.recorded}
    assert records["JobsFailed"].dimensions == {"code": "moderated"}
    assert (records["JobDuration"].value, records["JobDuration"].unit) == (40, "Seconds")
    assert "Checks" in records


@pytest.mark.parametrize(
    ("code", "outcomes"),
    [(None, [0]), (Code.INTERNAL_ERROR, [1]), (Code.MODERATED, []), (Code.CANCELED, [])],
)
def test_failures_of_the_caller_are_no_outcome_of_the_service(
    code: Code | None, outcomes: list[float]
) -> None:
    world, job = job_in_status(Status.SUBMITTED)
    end = world.app.end_job

    end.complete(job.job_id, ()) if code is None else end.fail(job.job_id, code)

    recorded = [record.value for record in world.metrics.recorded if record.name == "JobOutcome"]
    assert recorded == outcomes


@given(st.lists(st.sampled_from([None, *Code]), min_size=1, max_size=5))
def test_first_end_wins_and_is_published_once(codes: list[Code | None]) -> None:
    world, job = job_in_status(Status.SUBMITTED)

    results = [
        world.app.end_job.complete(job.job_id, ())
        if code is None
        else world.app.end_job.fail(job.job_id, code)
        for code in codes
    ]

    expected = Status.COMPLETED if codes[0] is None else Status.FAILED
    assert {job_or_none and (job_or_none.status, job_or_none.code) for job_or_none in results} == {
        (expected, codes[0])
    }
    [event] = world.events.published
    assert event.id == f"{job.job_id}.{expected}"
    assert world.metrics.total("JobsCompleted") + world.metrics.total("JobsFailed") == 1


def test_ended_job_removes_its_own_slot_seconds_from_the_queue() -> None:
    world, fast = waiting_job()
    slow = world.accept_job(TEXT_TO_IMAGE | {"quality": "high", "resolution": "4k"}, key="slow")
    assert world.app.submit_job.run(Step(job_id=slow.job_id)).outcome is Outcome.DEFERRED

    world.app.end_job.fail(slow.job_id, Code.CANCELED)

    waiting = world.jobs.queue.shard.normal
    assert waiting.seconds == pytest.approx(world.job(fast.job_id).slot_seconds)


def test_queue_shard_is_read_again_after_a_conflict() -> None:
    world, job = waiting_job()
    read, conflicts = world.jobs.queue.read, [1, 2, 3]

    def read_then_change(number: int = 0) -> QueueShard:
        shard = read(number)
        if conflicts and conflicts.pop():
            world.jobs.queue.change(QueueChange(shard, shard))
        return shard

    world.jobs.queue.read = read_then_change  # type: ignore[method-assign]
    world.app.end_job.fail(job.job_id, Code.CANCELED)

    assert world.job(job.job_id).code is Code.CANCELED
    assert_queue_counts(world.jobs)


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("status", OPEN)
def test_reservation_is_released_when_nothing_was_charged(status: Status, code: Code) -> None:
    world, job = job_in_status(status, stack_budget=100_000)
    reserved = {(world.clock().date(), "STACK"): 60_000}
    assert world.jobs.budgets.amounts == reserved

    world.app.end_job.fail(job.job_id, code)

    is_released = world.job(job.job_id).charge is Charged.NO
    assert world.jobs.budgets.amounts == (dict.fromkeys(reserved, 0) if is_released else reserved)


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("status", OPEN)
def test_only_jobs_with_an_unresolved_post_are_scheduled_for_the_sweep(
    status: Status, code: Code
) -> None:
    world, job = job_in_status(status)
    resolved_codes = {
        Code.INVALID_REQUEST, Code.MODERATED, Code.REJECTED, Code.BUDGET_EXCEEDED,
        Code.INSUFFICIENT_CREDITS, Code.PROVIDER_FAILED,
    }  # fmt: skip
    if status is not Status.SUBMITTED:
        resolved_codes.add(Code.UNAUTHORIZED)  # then the POST was refused

    world.app.end_job.fail(job.job_id, code)

    is_unresolved = status is not Status.QUEUED and code not in resolved_codes
    in_two_minutes = world.clock() + timedelta(minutes=2)
    assert world.job(job.job_id).sweep_after == (in_two_minutes if is_unresolved else None)


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("completes", [True, False])
def test_rerun_after_a_crash_publishes_the_end(at: int, when: str, completes: bool) -> None:
    world, job = job_in_status(Status.SUBMITTED)

    def end() -> Job | None:
        if completes:
            return world.app.end_job.complete(job.job_id, ())
        return world.app.end_job.fail(job.job_id, Code.CANCELED)

    world.crash_at.plan = {world.crash_at.calls + at: when}  # type: ignore[dict-item]
    with pytest.raises(SimulatedCrashError):
        end()
    ended = end()

    assert ended
    assert ended.status is (Status.COMPLETED if completes else Status.FAILED)
    assert {event.id for event in world.events.published} == {f"{job.job_id}.{ended.status}"}
    assert world.job(job.job_id).published_at is not None
    assert_queue_counts(world.jobs)


@pytest.mark.parametrize("completes", [True, False])
def test_unpublished_end_stays_due_for_the_sweep(completes: bool) -> None:
    world, job = job_in_status(Status.SUBMITTED)
    world.crash_at.methods = {"publish": "before"}
    end = world.app.end_job
    with pytest.raises(SimulatedCrashError):
        end.complete(job.job_id, ()) if completes else end.fail(job.job_id, Code.MODERATED)
    assert world.events.published == []

    assert world.job(job.job_id).sweep_after == world.clock() + timedelta(minutes=2)


def test_execution_without_a_job_changes_nothing() -> None:
    world = World()

    assert world.app.end_job.fail("started-by-hand", Code.CANCELED) is None
    assert world.events.published == []


def test_publish_end_of_an_open_job_raises() -> None:
    world, job = job_in_status(Status.SUBMITTED)

    with pytest.raises(LookupError):
        world.app.end_job.publish_end(job)
    assert world.events.published == []
