"""FindJobs: return a job of the caller, immediately or when it changes."""

import pytest

from darkroom.domain.errors import NotFoundError
from darkroom.domain.job import OPEN, Job
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
