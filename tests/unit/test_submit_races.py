"""SubmitJob beside another run, and over a table whose answers come late or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import Conflict, NotSent, QueueChange, SideWrite, Submission
from tests.fakes.invariants import assert_counts
from tests.fakes.queue import InMemoryQueue
from tests.fakes.storage import InMemoryJobs
from tests.fakes.traffic import OwnTime
from tests.fakes.world import World


@dataclass
class StaleJobs(InMemoryJobs):
    """Records of which the first look sees an older state, as a second execution may."""

    stale: list[Job] = field(default_factory=list)

    def get(self, job_id: str) -> Job | None:
        return self.stale.pop() if self.stale else super().get(job_id)


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.SUBMITTED, Status.FAILED])
def test_of_two_submits_at_once_only_one_sends(status: Status) -> None:
    world = World(jobs=(jobs := StaleJobs()))
    job = world.accepted()
    jobs.update(job.job_id, when=[Status.QUEUED], status=status)
    jobs.stale.append(job)

    world.submit_job()(Step(job_id=job.job_id))

    assert world.provider.posts == []
    assert world.job(job.job_id).status is status


class DeafJobs(InMemoryJobs):
    """A table whose answer is lost: the SDK writes again, and is refused for its own change."""

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | None = None,
        **changes: object,
    ) -> Job | Conflict:
        answer = super().transact(job_id, side_writes, when=when, absent=absent, **changes)
        return Conflict.JOB if "submit_token" in changes or "queue_position" in changes else answer


def test_a_write_that_the_sdk_repeated_is_not_taken_for_anothers_submit() -> None:
    world = World(jobs=(jobs := DeafJobs()))
    job = world.accepted()

    step = world.submit_job()(Step(job_id=job.job_id))

    assert step.outcome is Outcome.SUBMITTED
    assert len(world.provider.posts) == 1
    assert_counts(jobs)


def test_a_place_in_the_line_whose_answer_was_lost_is_taken_once() -> None:
    world = World(jobs=(jobs := DeafJobs()), rate_limit=RateLimit(2, 10))
    world.submit_job()(Step(job_id=world.accepted(key="first").job_id))
    job = world.accepted()

    step = world.submit_job()(Step(job_id=job.job_id))

    assert (step.outcome, step.wait_seconds) == (Outcome.DEFERRED, 30)
    assert len(jobs.queue.shard.normal) == 1
    assert_counts(jobs)


def test_what_was_let_out_and_not_heard_of_keeps_to_its_slot() -> None:
    clock = OwnTime()
    world = World(clock=clock, jobs=DeafJobs(), rate_limit=RateLimit(2, 10))
    world.submit_job()(Step(job_id=world.accepted(key="first").job_id))
    job = world.accepted()
    clock.at(30.0)

    world.submit_job()(Step(job_id=job.job_id))

    assert clock.seconds == 30.25


class BusyQueue(InMemoryQueue):
    """A line that others always change first, for so many times."""

    losses: int = 0

    def allows(self, change: QueueChange) -> bool:
        if change.after is not None and self.losses:
            self.losses -= 1
            return False
        return super().allows(change)


@pytest.mark.parametrize("losses", [1, 39])
def test_who_is_overtaken_at_the_line_tries_again_and_is_sent_once(losses: int) -> None:
    world = World(jobs=(jobs := InMemoryJobs(queue=(queue := BusyQueue()))))
    job = world.accepted()
    queue.losses = losses

    step = world.submit_job()(Step(job_id=job.job_id))

    assert step.outcome is Outcome.SUBMITTED
    assert len(world.provider.posts) == 1
    assert_counts(jobs)


def test_who_is_overtaken_for_ever_comes_back_a_second_later_and_nothing_is_sent() -> None:
    world = World(jobs=(jobs := InMemoryJobs(queue=(queue := BusyQueue()))))
    job = world.accepted()
    queue.losses = 10**6

    step = world.submit_job()(Step(job_id=job.job_id))

    assert (step.outcome, step.wait_seconds) == (Outcome.DEFERRED, 1)
    assert world.provider.posts == []
    assert_counts(jobs)


def test_a_way_back_that_is_never_free_is_a_crash_and_then_looked_for_not_sent_again() -> None:
    world = World(jobs=(jobs := InMemoryJobs(queue=(queue := BusyQueue()))))
    world.provider.submissions = [NotSent()]
    job = world.accepted()
    submitting = world.provider.submit

    def busy_by_then(*post: Any) -> Submission:
        queue.losses = 10**6
        return submitting(*post)

    world.provider.submit = busy_by_then  # type: ignore[assignment,method-assign]
    with pytest.raises(RuntimeError, match="too fast"):
        world.submit_job()(Step(job_id=job.job_id))
    queue.losses = 0

    assert world.submit_job()(Step(job_id=job.job_id)).outcome is Outcome.DEFERRED
    assert len(world.provider.posts) == 1
    assert_counts(jobs)
