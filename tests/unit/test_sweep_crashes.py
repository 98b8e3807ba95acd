"""SweepJobs that crashes, fails or runs out of time: the next sweep continues."""

from datetime import timedelta

import pytest

from darkroom.domain.executions import Execution
from darkroom.domain.job import Status
from tests.fakes.crashes import CrashTiming, SimulatedCrashError
from tests.fakes.invariants import assert_all_ended, assert_claims, assert_queue_counts
from tests.fakes.machine import deployment
from tests.unit.test_sweep_jobs import STATUSES, abandoned_job, advance_to_sweep, unstarted_job


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("at", range(14))
def test_next_sweep_completes_a_crashed_sweep_under_one_event_id(
    status: Status, at: int, timing: CrashTiming
) -> None:
    world, account, job = abandoned_job(status, Execution.FAILED)
    account.can_list = True
    advance_to_sweep(world, job)
    world.crash_at.plan = {world.crash_at.calls + at: timing}
    crashes = 0
    for _ in range(30):
        try:
            world.app.sweep_jobs.run()
        except SimulatedCrashError:
            crashes += 1
        world.clock.advance(60)

    assert crashes <= 1
    assert_all_ended(world)
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)
    assert world.job(job.job_id).sweep_after is None
    recovered = {event.id for event in world.events.of_type("JobRecovered")}
    assert recovered == (set() if status is Status.QUEUED else {f"{job.job_id}.recovered"})
    assert len(world.assets.files) == len(recovered)


def test_failure_of_one_job_does_not_stop_the_sweep_of_others() -> None:
    world, _ = deployment()
    first, *others = [unstarted_job(world, f"key-{number}") for number in range(3)]
    world.clock.advance(120)
    start = world.workflow.start

    def fail_for_first(record_id: str, attempt: int = 0) -> bool:
        if record_id == first:
            raise RuntimeError("Step Functions refused the start")
        return start(record_id, attempt)

    world.workflow.start = fail_for_first  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="refused the start"):
        world.app.sweep_jobs.run()

    assert sorted(world.workflow.started) == sorted(others)
    assert world.job(first).sweep_after == world.clock() + timedelta(minutes=10)


def test_job_that_ends_during_a_failed_sweep_is_not_due_again() -> None:
    world, _, job = abandoned_job(Status.SUBMITTED, Execution.RUNNING)
    advance_to_sweep(world, job)

    def complete_then_time_out(record_id: str, attempt: int = 0) -> Execution:
        world.app.end_job.complete(record_id, ())
        raise TimeoutError

    world.workflow.status = complete_then_time_out  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        world.app.sweep_jobs.run()
    world.clock.advance(3600)

    assert world.app.sweep_jobs.run() == {}
    assert world.events.of_type("JobRecovered") == []


@pytest.mark.parametrize("max_jobs", [0, 1, 60])
def test_sweep_stops_at_its_time_limit_and_the_next_continues(max_jobs: int) -> None:
    world, _ = deployment()
    jobs = [unstarted_job(world, f"key-{number:03}") for number in range(70)]
    world.clock.advance(120)
    remaining = [max_jobs]

    def has_time() -> bool:
        remaining[0] -= 1
        return remaining[0] >= 0

    result = world.app.sweep_jobs.run(has_time)
    assert len(result.get("restarted", [])) == max_jobs

    world.app.sweep_jobs.run()
    assert sorted(world.workflow.started) == sorted(jobs)
