"""FindJobs: a job of the caller's own, at once or when it changes."""

import pytest

from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.errors import Code, NotFoundError
from darkroom.domain.job import OPEN, Job
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TESTS, World

MINE = of_key("mine", Role.SUBMIT)


class CountedJobs(InMemoryJobs):
    """Records that count the looks at them, and at one of them change."""

    looks = 0
    change_at: int | None = None

    def get(self, job_id: str) -> Job | None:
        self.looks += 1
        if self.looks == self.change_at:
            self.update(job_id, when=OPEN, checks=1)
        return super().get(job_id)


def waiting(change_at: int | None = None) -> tuple[World, CountedJobs, Job]:
    jobs = CountedJobs()
    world = World(jobs=jobs)
    job = world.accepted()
    jobs.looks, jobs.change_at = 0, change_at
    return world, jobs, job


@pytest.mark.parametrize(
    ("caller", "sees"),
    [
        (MINE, True),
        (of_key("mine", Role.READ), True),
        (of_key("other", Role.SUBMIT), False),
        (of_key("other", Role.ADMIN), True),
        (Caller(name="mine"), False),
    ],
)
def test_a_job_is_seen_by_its_caller_and_by_who_sees_all(caller: Caller, sees: bool) -> None:
    world = World()
    job = world.accepted(caller=MINE)

    if sees:
        assert world.find_jobs().one(caller, job.job_id) == job
    else:
        with pytest.raises(NotFoundError) as hidden:
            world.find_jobs().one(caller, job.job_id)
        with pytest.raises(NotFoundError, match=str(hidden.value)):
            world.find_jobs().one(caller, "a" * 26)


def test_what_cannot_be_a_job_id_is_not_even_looked_for() -> None:
    world, jobs, _ = waiting()

    for text in ["", "x", "A" * 26, "a" * 27, "../" + "a" * 23]:
        with pytest.raises(NotFoundError):
            world.find_jobs().one(TESTS, text)

    assert jobs.looks == 0


def test_an_ended_job_is_told_at_once() -> None:
    world = World()
    job = world.accepted()
    ended = world.end_job().fail(job.job_id, Code.MODERATED)
    assert ended is not None

    told = world.find_jobs().changed(TESTS, job.job_id, seconds=20, known={ended.revision})

    assert told.revision == ended.revision
    assert world.clock() == START


def test_a_job_that_has_changed_since_is_told_at_once() -> None:
    world, jobs, job = waiting()

    assert world.find_jobs().changed(TESTS, job.job_id, seconds=20, known={"other"}) == job
    assert jobs.looks == 1
    assert world.clock() == START


@pytest.mark.parametrize("knows", [True, False])
def test_a_change_is_told_within_a_second(knows: bool) -> None:
    world, _, job = waiting(change_at=5)
    known = {job.revision} if knows else set()

    told = world.find_jobs().changed(TESTS, job.job_id, seconds=20, known=known)

    assert told.checks == 1
    assert (world.clock() - START).total_seconds() == 4


@pytest.mark.parametrize(("seconds", "looks"), [(1, 2), (2.5, 4), (20, 21)])
def test_a_job_that_does_not_change_is_told_in_time_after_a_look_a_second(
    seconds: float, looks: int
) -> None:
    world, jobs, job = waiting()

    told = world.find_jobs().changed(TESTS, job.job_id, seconds=seconds, known={job.revision})

    assert told == job
    assert jobs.looks == looks
    assert (world.clock() - START).total_seconds() == seconds


def test_what_only_we_see_is_no_change() -> None:
    world, _, job = waiting()
    world.jobs.update(job.job_id, when=OPEN, submit_token="t")

    world.find_jobs().changed(TESTS, job.job_id, seconds=3, known={job.revision})

    assert (world.clock() - START).total_seconds() == 3
