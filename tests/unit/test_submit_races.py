"""SubmitJob concurrent with another run, and with stale reads, lost responses and conflicts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import (
    Conflict,
    NotSent,
    ProviderChange,
    QueueChange,
    SideWrite,
    Submission,
)
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.queue import InMemoryQueue
from tests.fakes.storage import InMemoryJobs
from tests.fakes.traffic import IndependentClock
from tests.fakes.world import World


@dataclass
class StaleJobs(InMemoryJobs):
    """Records whose first reads return an older state, as in a concurrent execution."""

    stale: list[Job] = field(default_factory=list)

    def get(self, job_id: str) -> Job | None:
        return self.stale.pop() if self.stale else super().get(job_id)


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.SUBMITTED, Status.FAILED])
def test_concurrent_submits_send_one_post(status: Status) -> None:
    world = World(jobs=(jobs := StaleJobs()))
    job = world.accept_job()
    jobs.update(job.job_id, when=[Status.QUEUED], status=status)
    jobs.stale.append(job)

    world.app.submit_job.run(Step(job_id=job.job_id))

    assert world.provider.posts == []
    assert world.job(job.job_id).status is status


class LostResponseJobs(InMemoryJobs):
    """A table that loses the response: the SDK repeats the write and gets a conflict."""

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | tuple[str, ...] | None = None,
        **changes: object,
    ) -> Job | Conflict:
        result = super().transact(job_id, side_writes, when=when, absent=absent, **changes)
        return Conflict.JOB if "submit_token" in changes or "queue_position" in changes else result


def test_write_repeated_by_the_sdk_still_sends_the_post() -> None:
    world = World(jobs=(jobs := LostResponseJobs()))
    job = world.accept_job()

    step = world.app.submit_job.run(Step(job_id=job.job_id))

    assert step.outcome is Outcome.PROCESSING
    assert len(world.provider.posts) == 1
    assert_queue_counts(jobs)


def test_queue_position_with_a_lost_response_is_taken_once() -> None:
    world = World(jobs=(jobs := LostResponseJobs()), rate_limit=RateLimit(2, 10))
    world.app.submit_job.run(Step(job_id=world.accept_job(key="first").job_id))
    job = world.accept_job()

    step = world.app.submit_job.run(Step(job_id=job.job_id))

    assert (step.outcome, step.wait_seconds) == (Outcome.DEFERRED, 30)
    assert len(jobs.queue.shard.normal) == 1
    assert_queue_counts(jobs)


def test_job_with_a_lost_response_waits_for_its_slot() -> None:
    clock = IndependentClock()
    world = World(clock=clock, jobs=LostResponseJobs(), rate_limit=RateLimit(2, 10))
    world.app.submit_job.run(Step(job_id=world.accept_job(key="first").job_id))
    job = world.accept_job()
    clock.at(30.0)

    world.app.submit_job.run(Step(job_id=job.job_id))

    assert clock.seconds == 30.25


class BusyQueue(InMemoryQueue):
    """A queue with `conflicts` conflicts before a change succeeds."""

    conflicts: int = 0

    def allows(self, change: QueueChange | ProviderChange) -> bool:
        if change.after is not None and self.conflicts:
            self.conflicts -= 1
            return False
        return super().allows(change)


@pytest.mark.parametrize("conflicts", [1, 39])
def test_submit_retries_after_queue_conflicts_and_sends_once(conflicts: int) -> None:
    world = World(jobs=(jobs := InMemoryJobs(queue=(queue := BusyQueue()))))
    job = world.accept_job()
    queue.conflicts = conflicts

    step = world.app.submit_job.run(Step(job_id=job.job_id))

    assert step.outcome is Outcome.PROCESSING
    assert len(world.provider.posts) == 1
    assert_queue_counts(jobs)


def test_endless_queue_conflicts_defer_the_job_by_a_second() -> None:
    world = World(jobs=(jobs := InMemoryJobs(queue=(queue := BusyQueue()))))
    job = world.accept_job()
    queue.conflicts = 10**6

    step = world.app.submit_job.run(Step(job_id=job.job_id))

    assert (step.outcome, step.wait_seconds) == (Outcome.DEFERRED, 1)
    assert world.provider.posts == []
    assert_queue_counts(jobs)


def test_failed_put_back_raises_and_the_rerun_sends_nothing() -> None:
    world = World(jobs=(jobs := InMemoryJobs(queue=(queue := BusyQueue()))))
    world.provider.submissions = [NotSent()]
    job = world.accept_job()
    submit_original = world.provider.submit

    def add_conflicts_then_submit(*post: Any) -> Submission:
        queue.conflicts = 10**6
        return submit_original(*post)

    world.provider.submit = add_conflicts_then_submit  # type: ignore[assignment,method-assign]
    with pytest.raises(RuntimeError, match="too many conflicts"):
        world.app.submit_job.run(Step(job_id=job.job_id))
    queue.conflicts = 0

    assert world.app.submit_job.run(Step(job_id=job.job_id)).outcome is Outcome.DEFERRED
    assert len(world.provider.posts) == 1
    assert_queue_counts(jobs)
