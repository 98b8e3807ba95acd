"""AcquireSlot at the in-flight limit: the job at the head of the queue polls for a free slot."""

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.submit_queue import RateLimit
from darkroom.usecases.jobs.acquire_slot import HEAD_POLL_SECONDS, HEAD_POLLS, Deferred, Revoked
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.signals import StoppedClock
from tests.fakes.world import World


class FullQueue(StoppedClock):
    """A clock whose n-th sleep may end a job, with a world that allows 2 jobs in flight."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = 0
        self.slept: list[float] = []
        self.ends_at_sleep: dict[int, str] = {}  # job id by number of the sleep
        self.world = World(clock=self, rate_limit=RateLimit(500, 2))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.slept.append(seconds)
        if job_id := self.ends_at_sleep.get(len(self.slept)):
            self.world.app.end_job.fail(job_id, Code.PROVIDER_FAILED)

    def add_job(self) -> str:
        """Add a job and return its id."""
        self.jobs += 1
        job = World().accept_job().model_copy(update={"job_id": str(self.jobs)})
        self.world.jobs.records[job.job_id] = job
        return job.job_id

    def acquire(self, job_id: str) -> Job | Deferred | Revoked | None:
        return self.world.app.acquire_slot.run(self.world.job(job_id), ())


@pytest.fixture
def full_queue() -> FullQueue:
    """Return a queue with two jobs in flight, which is its limit."""
    queue = FullQueue()
    for _ in range(2):
        assert isinstance(queue.acquire(queue.add_job()), Job)
        queue.advance(30)
    queue.slept.clear()
    return queue


def test_new_job_gets_its_queue_position_before_it_waits(full_queue: FullQueue) -> None:
    job_id = full_queue.add_job()

    assert isinstance(full_queue.acquire(job_id), Deferred)

    assert full_queue.world.job(job_id).queue_position is not None
    assert full_queue.slept == []


def test_head_of_queue_polling_acquires_a_freed_slot(full_queue: FullQueue) -> None:
    job_id = full_queue.add_job()
    full_queue.acquire(job_id)
    full_queue.ends_at_sleep = {3: "1"}

    job = full_queue.acquire(job_id)

    assert isinstance(job, Job)
    assert job.status is Status.SUBMITTING
    assert full_queue.slept[:3] == [HEAD_POLL_SECONDS] * 3
    assert sum(full_queue.slept[3:]) == 0
    assert_queue_counts(full_queue.world.jobs)


def test_head_of_queue_polling_ends_after_the_maximum_polls(full_queue: FullQueue) -> None:
    job_id = full_queue.add_job()
    full_queue.acquire(job_id)

    assert isinstance(full_queue.acquire(job_id), Deferred)

    assert full_queue.slept == [HEAD_POLL_SECONDS] * HEAD_POLLS
    assert full_queue.world.job(job_id).status is Status.QUEUED
    assert_queue_counts(full_queue.world.jobs)


def test_job_that_is_not_at_the_head_does_not_poll(full_queue: FullQueue) -> None:
    full_queue.acquire(full_queue.add_job())
    second = full_queue.add_job()
    full_queue.acquire(second)

    assert isinstance(full_queue.acquire(second), Deferred)

    assert full_queue.slept == []
