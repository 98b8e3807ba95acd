"""SubmitJob beside another run, and over a table whose answers come late or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from tests.fakes.storage import InMemoryJobs
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

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
        answer = super().update(job_id, when=when, absent=absent, **changes)
        return None if "submit_token" in changes else answer


def test_a_write_that_the_sdk_repeated_is_not_taken_for_anothers_submit() -> None:
    world = World(jobs=DeafJobs())
    job = world.accepted()

    step = world.submit_job()(Step(job_id=job.job_id))

    assert step.outcome is Outcome.SUBMITTED
    assert len(world.provider.posts) == 1
