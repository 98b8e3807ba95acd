"""SweepJobs: a job without a running execution is restarted or closed once, despite crashes."""

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.domain.errors import Charged, Code
from darkroom.domain.executions import Execution
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.handlers import sweep
from tests.fakes.crashes import CrashTiming, SimulatedCrashError
from tests.fakes.invariants import (
    assert_all_ended,
    assert_claims,
    assert_queue_counts,
    terminal_event_ids,
)
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import PostResult, ProviderAccount
from tests.fakes.world import DEADLINE, TEST_CALLER, World

ENDED = [Execution.SUCCEEDED, Execution.FAILED, Execution.TIMED_OUT, Execution.ABORTED]
STATUSES = [Status.QUEUED, Status.SUBMITTING, Status.SUBMITTED]


def abandoned_job(
    status: Status, execution: Execution | None
) -> tuple[World, ProviderAccount, Job]:
    """Return an open job in this status whose execution ended without OnExecutionEnded."""
    world, account = deployment()
    job = world.accept_job()
    account.current_job_id = job.job_id
    if status is Status.SUBMITTING:
        account.post_results, account.can_list = [PostResult.RESPONSE_LOST], False
    if status is not Status.QUEUED:
        world.app.submit_job.run(Step(job_id=job.job_id))
    if execution is None:
        world.workflow.started.clear()
    elif execution is not Execution.RUNNING:
        world.workflow.ended[job.job_id] = execution
    world.events.published.clear()
    return world, account, job


def advance_to_sweep(world: World, job: Job) -> None:
    """Advance the clock to the time at which the job is due for the sweep."""
    sweep_after = world.job(job.job_id).sweep_after
    assert sweep_after is not None
    world.clock.time = max(world.clock.time, sweep_after)


def unstarted_job(world: World, key: str = "key") -> str:
    """Return a job whose entry point crashed between the record and the start of the execution."""
    world.crash_at.methods = {"start": "before"}
    before = set(world.jobs.records)
    with pytest.raises(SimulatedCrashError):
        world.accept_job(key=key)
    (job_id,) = set(world.jobs.records) - before
    return job_id


def test_job_without_an_execution_is_started_once() -> None:
    world, _ = deployment()
    job_id = unstarted_job(world)
    world.clock.advance(120)

    assert world.app.sweep_jobs.run() == {"restarted": [job_id]}
    assert world.app.sweep_jobs.run() == {}

    assert world.workflow.started == [job_id]
    assert world.metrics.total("JobsRestarted") == 1
    StateMachine(world).run()
    assert_all_ended(world)


def test_run_without_jobs_is_reported() -> None:
    """StuckJobsAlarm alarms if the metric is missing."""
    world = World()

    assert world.app.sweep_jobs.run() == {}

    assert [r.value for r in world.metrics.recorded if r.name == "StuckJobs"] == [0]


def test_recent_job_without_an_execution_is_not_started() -> None:
    world, _ = deployment()
    unstarted_job(world)
    world.clock.advance(119)

    assert world.app.sweep_jobs.run() == {}
    assert world.workflow.started == []


def test_all_unstarted_jobs_are_started_regardless_of_number_and_age() -> None:
    world, _ = deployment()
    jobs = [unstarted_job(world, f"key-{number}") for number in range(120)]
    world.clock.advance(86_400 * 3)

    assert world.app.sweep_jobs.run() == {"restarted": sorted(jobs)}


@pytest.mark.parametrize("status", STATUSES)
def test_running_job_is_left_open_and_due_again_after_ten_minutes(status: Status) -> None:
    world, _, job = abandoned_job(status, Execution.RUNNING)
    advance_to_sweep(world, job)
    before = world.job(job.job_id)

    assert world.app.sweep_jobs.run() == {"left": [job.job_id]}

    later = world.clock() + timedelta(minutes=10)
    assert world.job(job.job_id) == before.model_copy(update={"sweep_after": later})
    assert world.app.sweep_jobs.run() == {}
    assert world.events.published == []
    assert world.metrics.total("StuckJobs") == 0


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("execution", ENDED)
def test_open_job_of_an_ended_execution_is_closed_with_the_matching_code(
    status: Status, execution: Execution
) -> None:
    world, _, job = abandoned_job(status, execution)
    advance_to_sweep(world, job)

    assert world.app.sweep_jobs.run() == {"closed": [job.job_id]}

    codes = {Execution.ABORTED: Code.CANCELED, Execution.TIMED_OUT: Code.DEADLINE_EXCEEDED}
    expected = codes.get(execution, Code.INTERNAL_ERROR)
    if status is Status.SUBMITTING:
        expected = Code.SUBMISSION_UNKNOWN
    ended = world.job(job.job_id)
    assert (ended.status, ended.code) == (Status.FAILED, expected)
    assert ended.charge is (Charged.NO if status is Status.QUEUED else Charged.MAYBE)
    [record] = [record for record in world.metrics.recorded if record.name == "JobsClosed"]
    assert record.dimensions == {"code": str(expected)}
    assert_queue_counts(world.jobs)
    assert_all_ended(world)


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.SUBMITTED])
def test_sent_job_without_an_execution_is_closed_and_not_resubmitted(
    status: Status,
) -> None:
    world, account, job = abandoned_job(status, None)
    advance_to_sweep(world, job)

    assert world.app.sweep_jobs.run() == {"closed": [job.job_id]}

    assert len(account.posts) == 1
    assert world.workflow.started == []


def test_canceled_job_is_closed_as_canceled() -> None:
    world, _, job = abandoned_job(Status.SUBMITTED, Execution.FAILED)
    world.app.cancel_job.run(TEST_CALLER, job.job_id)
    advance_to_sweep(world, job)

    world.app.sweep_jobs.run()

    assert world.job(job.job_id).code is Code.CANCELED


def test_job_an_hour_past_its_deadline_is_closed_while_its_execution_runs() -> None:
    world, _, job = abandoned_job(Status.SUBMITTED, Execution.RUNNING)
    world.clock.advance(DEADLINE + 3600)
    assert world.app.sweep_jobs.run() == {"left": [job.job_id]}
    world.clock.advance(601)

    assert world.app.sweep_jobs.run() == {"closed": [job.job_id]}

    assert world.job(job.job_id).code is Code.DEADLINE_EXCEEDED
    assert world.metrics.total("StuckJobs") == 1
    assert_queue_counts(world.jobs)


def test_job_with_a_completed_prediction_is_left_to_its_execution() -> None:
    world, account, job = abandoned_job(Status.SUBMITTED, Execution.RUNNING)
    world.clock.advance(account.run_seconds)
    world.app.check_job.run(Step(job_id=job.job_id))
    world.clock.advance(DEADLINE + 7200)

    assert world.app.sweep_jobs.run() == {"left": [job.job_id]}
    assert world.metrics.total("StuckJobs") == 1


@pytest.mark.parametrize("code", [Code.MODERATED, Code.SUBMISSION_UNKNOWN])
def test_stored_but_unpublished_end_is_published(code: Code) -> None:
    world, _, job = abandoned_job(Status.SUBMITTED, Execution.FAILED)
    world.crash_at.methods = {"publish": "before"}
    with pytest.raises(SimulatedCrashError):
        world.app.end_job.fail(job.job_id, code)
    assert terminal_event_ids(world) == {}
    advance_to_sweep(world, job)

    assert world.app.sweep_jobs.run() == {"closed": [job.job_id]}

    assert_all_ended(world)
    assert (world.job(job.job_id).sweep_after is None) == (code is Code.MODERATED)


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


EVENT = {"id": "2d4eba74-fd51-3966-4bfa-b013c9da8ff1", "detail-type": "Scheduled Event"}


def context(*remaining_millis: int) -> LambdaContext:
    """Return a context whose remaining milliseconds are these values; the last one repeats."""
    remaining = list(remaining_millis)
    return cast(
        "LambdaContext",
        SimpleNamespace(
            aws_request_id="invocation-1",
            get_remaining_time_in_millis=lambda: (
                remaining.pop(0) if len(remaining) > 1 else remaining[0]
            ),
        ),
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world on which the real handler runs."""
    world = World()
    monkeypatch.setattr(sweep, "app", lambda: world.app)
    return world


def test_sweep_starts_no_job_when_its_time_is_nearly_over(world: World) -> None:
    jobs = sorted(unstarted_job(world, f"key-{number}") for number in range(3))
    world.clock.advance(120)

    first = sweep.handler(EVENT, context(900_000, 120_001, 120_000))

    assert first == {"restarted": jobs[:2]}
    assert sweep.handler(EVENT, context(900_000)) == {"restarted": jobs[2:]}
