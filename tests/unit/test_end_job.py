"""EndJob: one terminal status, whoever is first, and its event at least once."""

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
from tests.fakes.crashes import DeadError
from tests.fakes.invariants import assert_counts
from tests.fakes.world import TEXT_TO_IMAGE, World


def in_status(status: Status, **settings: Any) -> tuple[World, Job]:
    world = World(**settings)
    job = world.accepted()
    if status is Status.SUBMITTING:
        world.acquire_slot()(job, ())
    elif status is Status.SUBMITTED:
        world.submit_job()(Step(job_id=job.job_id))
        world.events.published.clear()
    return world, job


def in_line() -> tuple[World, Job]:
    """A job that waits for its turn."""
    world = World(rate_limit=RateLimit(2, 2))
    world.submit_job()(Step(job_id=world.accepted(key="ahead").job_id))
    job = world.accepted()
    assert world.submit_job()(Step(job_id=job.job_id)).outcome is Outcome.DEFERRED
    world.events.published.clear()
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
    assert world.job(job.job_id).published_at == world.clock()


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


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize("code", [None, *Code])
def test_the_line_counts_it_no_more(status: Status, code: Code | None) -> None:
    world, job = in_status(status)
    assert_counts(world.jobs)

    if code:
        world.end_job().fail(job.job_id, code)
    elif status is Status.SUBMITTED:
        world.end_job().complete(job.job_id, ())

    assert world.job(job.job_id).is_open == (code is None and status is not Status.SUBMITTED)
    assert_counts(world.jobs)


def test_a_job_that_waits_in_the_line_leaves_it() -> None:
    world, job = in_line()
    assert len(world.jobs.queue.shard.normal) == 1

    world.end_job().fail(job.job_id, Code.PROVIDER_UNAVAILABLE)

    assert len(world.jobs.queue.shard.normal) == 0
    assert_counts(world.jobs)


def test_a_slow_job_takes_its_own_time_out_of_the_line() -> None:
    world, quick = in_line()
    slow = world.accepted(TEXT_TO_IMAGE | {"quality": "high", "resolution": "4k"}, key="slow")
    assert world.submit_job()(Step(job_id=slow.job_id)).outcome is Outcome.DEFERRED

    world.end_job().fail(slow.job_id, Code.CANCELED)

    left = world.jobs.queue.shard.normal
    assert left.seconds == pytest.approx(world.job(quick.job_id).slot_seconds)


def test_a_line_that_moves_meanwhile_is_read_again() -> None:
    world, job = in_line()
    read, moves = world.jobs.queue.read, [1, 2, 3]

    def moved(number: int = 0) -> QueueShard:
        shard = read(number)
        if moves and moves.pop():
            world.jobs.queue.swap(shard, shard.paused_until(0))
        return shard

    world.jobs.queue.read = moved  # type: ignore[method-assign]
    world.end_job().fail(job.job_id, Code.CANCELED)

    assert world.job(job.job_id).code is Code.CANCELED
    assert_counts(world.jobs)


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("status", OPEN)
def test_what_was_held_of_a_budget_is_free_again_if_nothing_was_charged(
    status: Status, code: Code
) -> None:
    world, job = in_status(status, stack_budget=100_000)
    held = {(world.clock().date(), "STACK"): 60_000}
    assert world.jobs.budgets.amounts == held

    world.end_job().fail(job.job_id, code)

    is_free = world.job(job.job_id).charge is Charged.NO
    assert world.jobs.budgets.amounts == dict.fromkeys(held, 0) if is_free else held


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("status", OPEN)
def test_only_what_was_given_up_after_a_post_is_looked_for_again(
    status: Status, code: Code
) -> None:
    world, job = in_status(status)
    proven = {
        Code.INVALID_REQUEST, Code.MODERATED, Code.REJECTED, Code.BUDGET_EXCEEDED,
        Code.INSUFFICIENT_CREDITS, Code.PROVIDER_FAILED, Code.ASSET_INVALID,
    }  # fmt: skip
    if status is not Status.SUBMITTED:
        proven.add(Code.UNAUTHORIZED)  # then the POST itself was refused

    world.end_job().fail(job.job_id, code)

    lost = status is not Status.QUEUED and code not in proven
    late = world.clock() + timedelta(minutes=2)
    assert world.job(job.job_id).sweep_after == (late if lost else None)


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

    world.crash_at.plan = {world.crash_at.calls + at: when}  # type: ignore[dict-item]
    with pytest.raises(DeadError):
        end()
    ended = end()

    assert ended
    assert ended.status is (Status.COMPLETED if completes else Status.FAILED)
    assert {event.id for event in world.events.published} == {f"{job.job_id}.{ended.status}"}
    assert world.job(job.job_id).published_at is not None
    assert_counts(world.jobs)


@pytest.mark.parametrize("completes", [True, False])
def test_an_end_that_was_not_announced_stays_due_for_the_sweep(completes: bool) -> None:
    world, job = in_status(Status.SUBMITTED)
    world.crash_at.plan = {world.crash_at.calls + 2: "before"}  # get, write, publish
    end = world.end_job()
    with pytest.raises(DeadError):
        end.complete(job.job_id, ()) if completes else end.fail(job.job_id, Code.MODERATED)
    assert world.events.published == []

    assert world.job(job.job_id).sweep_after == world.clock() + timedelta(minutes=2)


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
        world.end_job().publish_end(job)
    assert world.events.published == []
