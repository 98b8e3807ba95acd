"""SweepJobs that dies, stumbles or runs out of time: what it leaves, the next one does."""

from datetime import timedelta

import pytest

from darkroom.domain.job import Status
from darkroom.ports import Execution
from tests.fakes.crashes import DeadError, When
from tests.fakes.invariants import assert_claims, assert_counts, assert_ended
from tests.fakes.machine import deployment
from tests.unit.test_sweep_jobs import STATUSES, crashed, overdue, stranded


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(14))
def test_a_sweep_that_dies_anywhere_is_finished_by_the_next_under_one_event_id(
    status: Status, at: int, when: When
) -> None:
    world, account, job = stranded(status, Execution.FAILED)
    account.lists = True
    overdue(world, job)
    world.crash_at.plan = {world.crash_at.calls + at: when}
    sweeps = 0
    for _ in range(30):
        try:
            world.sweep_jobs()()
        except DeadError:
            sweeps += 1
        world.clock.advance(60)

    assert sweeps <= 1
    assert_ended(world)
    assert_counts(world.jobs)
    assert_claims(world.jobs)
    assert world.job(job.job_id).sweep_after is None
    recovered = {event.id for event in world.events.named("JobRecovered")}
    assert recovered == (set() if status is Status.QUEUED else {f"{job.job_id}.recovered"})
    assert len(world.assets.files) == len(recovered)


def test_one_job_that_cannot_be_mended_does_not_keep_the_sweep_from_the_others() -> None:
    world, _ = deployment()
    first, *others = [crashed(world, f"key-{number}") for number in range(3)]
    world.clock.advance(120)
    start = world.workflow.start

    def refuses(job_id: str) -> bool:
        if job_id == first:
            raise RuntimeError("Step Functions does not like it")
        return start(job_id)

    world.workflow.start = refuses  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="does not like it"):
        world.sweep_jobs()()

    assert sorted(world.workflow.started) == sorted(others)
    assert world.job(first).sweep_after == world.clock() + timedelta(minutes=10)


def test_a_job_that_ends_while_the_sweep_stumbles_over_it_is_not_due_again() -> None:
    world, _, job = stranded(Status.SUBMITTED, Execution.RUNNING)
    overdue(world, job)

    def slow(job_id: str) -> Execution:
        world.end_job().complete(job_id, ())
        raise TimeoutError

    world.workflow.status = slow  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        world.sweep_jobs()()
    world.clock.advance(3600)

    assert world.sweep_jobs()() == {}
    assert world.events.named("JobRecovered") == []


@pytest.mark.parametrize("most", [0, 1, 60])
def test_a_sweep_stops_when_its_time_is_over_and_the_next_goes_on(most: int) -> None:
    world, _ = deployment()
    jobs = [crashed(world, f"key-{number:03}") for number in range(70)]
    world.clock.advance(120)
    left = [most]

    def goes_on() -> bool:
        left[0] -= 1
        return left[0] >= 0

    done = world.sweep_jobs()(goes_on)
    assert len(done.get("restarted", [])) == most

    world.sweep_jobs()()
    assert sorted(world.workflow.started) == sorted(jobs)
