"""RestartJobs: what was recorded and not started is started, once, and nothing else."""

from datetime import timedelta

import pytest

from darkroom.domain.job import Status
from tests.fakes.crashes import DeadError
from tests.fakes.world import World


def crashed(world: World, key: str = "key") -> str:
    """A job whose door died between the record and the start."""
    world.fuse.plan = {world.fuse.calls + 2: "before"}  # get, create, start
    before = set(world.jobs.records)
    with pytest.raises(DeadError):
        world.accepted(key=key)
    (job_id,) = set(world.jobs.records) - before
    return job_id


def test_a_job_that_no_next_try_would_find_is_started_once() -> None:
    world = World()
    job_id = crashed(world)
    world.clock.advance(180)

    assert world.restart_jobs()() == [job_id]
    assert world.restart_jobs()() == []

    assert world.workflow.started == [job_id]
    assert world.metrics.total("JobsRestarted") == 1


def test_a_job_that_its_door_may_just_be_starting_is_left_alone() -> None:
    world = World()
    crashed(world)
    world.clock.advance(60)

    assert world.restart_jobs()() == []


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.QUEUED])
def test_a_job_that_went_on_is_left_alone(status: Status) -> None:
    world = World()
    job_id = crashed(world)
    world.jobs.update(job_id, when=list(Status), status=status)
    world.clock.advance(180)

    assert world.restart_jobs()() == []


def test_a_job_that_waits_for_the_provider_is_left_alone() -> None:
    world = World()
    job_id = crashed(world)
    world.jobs.update(job_id, when=list(Status), submit_attempts=1)
    world.clock.advance(180)

    assert world.restart_jobs()() == []


def test_every_sweep_looks_back_for_an_hour_and_no_longer() -> None:
    world = World()
    old = crashed(world, "old")
    world.clock.advance(timedelta(hours=2).total_seconds())
    young = [crashed(world, f"young-{n}") for n in range(150)]
    world.clock.advance(180)

    assert sorted(world.restart_jobs()()) == sorted(young)
    assert old not in world.workflow.started
