"""FindJobs: one job, immediately or when it changes, and the pages of all jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import NotFoundError
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.job_filter import JobFilter
from darkroom.ports import Cursor
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TEST_CALLER, World


class CountingJobs(InMemoryJobs):
    """Records that count reads."""

    reads = 0

    def get(self, job_id: str) -> Job | None:
        self.reads += 1
        return super().get(job_id)


def test_invalid_job_id_is_not_read_from_the_table() -> None:
    jobs = CountingJobs()
    world = World(jobs=jobs)

    for text in ["", "x", "A" * 26, "a" * 27, "../" + "a" * 23]:
        with pytest.raises(NotFoundError):
            world.app.find_jobs.one(TEST_CALLER, text)

    assert jobs.reads == 0


def test_internal_field_change_does_not_end_the_wait() -> None:
    world = World()
    job = world.accept_job()
    world.jobs.update(job.job_id, when=OPEN, submit_token="t")

    world.app.find_jobs.changed(TEST_CALLER, job.job_id, seconds=3, known={job.revision})

    assert (world.clock() - START).total_seconds() == 3


@given(
    old=st.lists(st.integers(0, 20), max_size=12),
    new=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 5),
    status=st.sampled_from([None, Status.QUEUED]),
)
def test_each_job_is_listed_once_while_new_jobs_arrive(
    old: list[int], new: list[int], limit: int, status: Status | None
) -> None:
    world = World()
    for number, seconds in enumerate(old):
        world.accept_job(key=f"old{number}")
        world.clock.advance(seconds)
    before = {job.job_id for job in world.jobs.records.values()}
    # New jobs have later times than the old jobs, so they are listed first.
    world.clock.advance(1)
    listed: list[str] = []
    after: Cursor | None = None

    while True:
        jobs, after = world.app.find_jobs.page(
            None, JobFilter(status=status), limit=limit, after=after
        )
        assert len(jobs) <= limit
        listed += [job.job_id for job in jobs]
        if after is None:
            break
        if new:
            world.accept_job(key=f"new{len(new)}")
            world.clock.advance(new.pop())

    assert set(listed) == before
    assert len(listed) == len(before)
    times = [world.job(job_id).accepted_at for job_id in listed]
    assert times == sorted(times, reverse=True)


class ExpiringJobs(InMemoryJobs):
    """Failed records are listed but are missing when they are read."""

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        jobs, cursor = super().page(caller, limit=limit, after=after)
        return [job for job in jobs if job.status is not Status.FAILED], cursor


def test_page_with_expired_records_is_not_the_last_page() -> None:
    world = World(jobs=ExpiringJobs())
    job_ids = [_accept_job(world, n) for n in range(6)]
    for job_id in job_ids[3:5]:
        world.jobs.update(job_id, when=OPEN, status=Status.FAILED)

    first, after = world.app.find_jobs.page("tests", limit=3, after=None)
    assert after is not None
    second, last = world.app.find_jobs.page("tests", limit=3, after=after)

    assert [job.job_id for job in first + second] == [job_ids[5], *job_ids[2::-1]]
    assert last is None


def _accept_job(world: World, number: int) -> str:
    world.clock.advance(1)
    return world.accept_job(key=f"expiring-{number}").job_id


def test_page_ends_early_when_inputs_are_long() -> None:
    """A Lambda function may return at most 6 MB."""
    world = World()
    for number in range(12):
        world.clock.advance(1)
        world.accept_job({"model": "a/b", "input": {"x": '"' * 120_000}}, key=f"long-{number}")

    jobs, after = world.app.find_jobs.page("tests", limit=100, after=None)
    remaining, last = world.app.find_jobs.page("tests", limit=100, after=after)

    assert 5 <= len(jobs) < 12
    assert (len(jobs) + len(remaining), last) == (12, None)
