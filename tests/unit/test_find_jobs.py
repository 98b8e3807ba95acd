"""FindJobs: return a job of the caller, immediately or when it changes."""

import pytest

from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.errors import Code, NotFoundError
from darkroom.domain.job import OPEN, Job
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TEST_CALLER, World

OWN_KEY = of_key("ada", Role.SUBMIT)


class CountingJobs(InMemoryJobs):
    """Records that count reads, and change at read number `change_at`."""

    reads = 0
    change_at: int | None = None

    def get(self, job_id: str) -> Job | None:
        self.reads += 1
        if self.reads == self.change_at:
            self.update(job_id, when=OPEN, checks=1)
        return super().get(job_id)


def queued_job(change_at: int | None = None) -> tuple[World, CountingJobs, Job]:
    jobs = CountingJobs()
    world = World(jobs=jobs)
    job = world.accept_job()
    jobs.reads, jobs.change_at = 0, change_at
    return world, jobs, job


@pytest.mark.parametrize(
    ("caller", "is_allowed"),
    [
        (OWN_KEY, True),
        (of_key("ada", Role.READ), True),
        (of_key("bob", Role.SUBMIT), False),
        (of_key("bob", Role.ADMIN), True),
        (Caller(name="ada"), False),
    ],
)
def test_job_is_visible_to_its_caller_and_to_callers_that_can_read_all(
    caller: Caller, is_allowed: bool
) -> None:
    world = World()
    job = world.accept_job(caller=OWN_KEY)

    if is_allowed:
        assert world.find_jobs().one(caller, job.job_id) == job
    else:
        with pytest.raises(NotFoundError) as error:
            world.find_jobs().one(caller, job.job_id)
        with pytest.raises(NotFoundError, match=str(error.value)):
            world.find_jobs().one(caller, "a" * 26)


def test_invalid_job_id_is_not_read_from_the_table() -> None:
    world, jobs, _ = queued_job()

    for text in ["", "x", "A" * 26, "a" * 27, "../" + "a" * 23]:
        with pytest.raises(NotFoundError):
            world.find_jobs().one(TEST_CALLER, text)

    assert jobs.reads == 0


def test_ended_job_is_returned_immediately() -> None:
    world = World()
    job = world.accept_job()
    ended = world.end_job().fail(job.job_id, Code.MODERATED)
    assert ended is not None

    result = world.find_jobs().changed(TEST_CALLER, job.job_id, seconds=20, known={ended.revision})

    assert result.revision == ended.revision
    assert world.clock() == START


def test_job_with_an_unknown_revision_is_returned_immediately() -> None:
    world, jobs, job = queued_job()

    assert world.find_jobs().changed(TEST_CALLER, job.job_id, seconds=20, known={"other"}) == job
    assert jobs.reads == 1
    assert world.clock() == START


@pytest.mark.parametrize("has_revision", [True, False])
def test_change_is_returned_within_a_second(has_revision: bool) -> None:
    world, _, job = queued_job(change_at=5)
    known = {job.revision} if has_revision else set()

    result = world.find_jobs().changed(TEST_CALLER, job.job_id, seconds=20, known=known)

    assert result.checks == 1
    assert (world.clock() - START).total_seconds() == 4


@pytest.mark.parametrize(("seconds", "reads"), [(1, 2), (2.5, 4), (20, 21)])
def test_unchanged_job_is_read_every_second_until_the_timeout(seconds: float, reads: int) -> None:
    world, jobs, job = queued_job()

    result = world.find_jobs().changed(
        TEST_CALLER, job.job_id, seconds=seconds, known={job.revision}
    )

    assert result == job
    assert jobs.reads == reads
    assert (world.clock() - START).total_seconds() == seconds


def test_internal_field_change_does_not_end_the_wait() -> None:
    world, _, job = queued_job()
    world.jobs.update(job.job_id, when=OPEN, submit_token="t")

    world.find_jobs().changed(TEST_CALLER, job.job_id, seconds=3, known={job.revision})

    assert (world.clock() - START).total_seconds() == 3
