"""AdmitJob, with as many in flight as are allowed: who is next stays for a place."""

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.submit_queue import RateLimit
from darkroom.usecases.acquire_slot import HEAD_POLL_SECONDS, HEAD_POLLS, Deferred
from tests.fakes.invariants import assert_counts
from tests.fakes.signals import StoppedClock
from tests.fakes.world import World


class Busy(StoppedClock):
    """A clock at which the n-th sleep may end a job."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs = 0
        self.slept: list[float] = []
        self.ends: dict[int, str] = {}  # by the number of the sleep
        self.world = World(clock=self, rate_limit=RateLimit(500, 2))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.slept.append(seconds)
        if job_id := self.ends.get(len(self.slept)):
            self.world.end_job().fail(job_id, Code.PROVIDER_FAILED)

    def comes(self) -> str:
        """Let a job come; return its id."""
        self.jobs += 1
        job = World().accepted().model_copy(update={"job_id": str(self.jobs)})
        self.world.jobs.records[job.job_id] = job
        return job.job_id

    def ask(self, job_id: str) -> Job | Deferred | None:
        return self.world.acquire_slot()(self.world.job(job_id), ())


@pytest.fixture
def full() -> Busy:
    """Two jobs are with the provider and stay there for long, and no more are allowed."""
    busy = Busy()
    for _ in range(2):
        assert isinstance(busy.ask(busy.comes()), Job)
        busy.advance(30)
    busy.slept.clear()
    return busy


def test_a_newcomer_gets_its_place_in_the_line_before_it_waits(full: Busy) -> None:
    came = full.comes()

    assert isinstance(full.ask(came), Deferred)

    assert full.world.job(came).queue_position is not None
    assert full.slept == []


def test_who_is_next_takes_the_place_that_becomes_free_while_it_stays(full: Busy) -> None:
    came = full.comes()
    full.ask(came)
    full.ends = {3: "1"}

    answer = full.ask(came)

    assert isinstance(answer, Job)
    assert answer.status is Status.SUBMITTING
    assert full.slept[:3] == [HEAD_POLL_SECONDS] * 3
    assert sum(full.slept[3:]) == 0
    assert_counts(full.world.jobs)


def test_nobody_stays_longer_than_a_wait_is_worth(full: Busy) -> None:
    came = full.comes()
    full.ask(came)

    assert isinstance(full.ask(came), Deferred)

    assert full.slept == [HEAD_POLL_SECONDS] * HEAD_POLLS
    assert full.world.job(came).status is Status.QUEUED
    assert_counts(full.world.jobs)


def test_who_is_not_next_does_not_stay(full: Busy) -> None:
    full.ask(full.comes())
    second = full.comes()
    full.ask(second)

    assert isinstance(full.ask(second), Deferred)

    assert full.slept == []
