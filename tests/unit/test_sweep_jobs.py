"""SweepJobs: what no execution brings to its end is restarted or closed, once, and told."""

from datetime import timedelta

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Execution
from tests.fakes.account import Account, Take
from tests.fakes.crashes import DeadError
from tests.fakes.invariants import assert_counts, assert_ended, ends
from tests.fakes.machine import Machine, deployment
from tests.fakes.world import DEADLINE, TESTS, World

ENDED = [Execution.SUCCEEDED, Execution.FAILED, Execution.TIMED_OUT, Execution.ABORTED]
STATUSES = [Status.QUEUED, Status.SUBMITTING, Status.SUBMITTED]


def stranded(status: Status, execution: Execution | None) -> tuple[World, Account, Job]:
    """A job in this status whose execution has ended so, and nobody was told of it."""
    world, account = deployment()
    job = world.accepted()
    account.asking = job.job_id
    if status is Status.SUBMITTING:
        account.takes, account.lists = [Take.LOST], False
    if status is not Status.QUEUED:
        world.submit_job()(Step(job_id=job.job_id))
    if execution is None:
        world.workflow.started.clear()
    elif execution is not Execution.RUNNING:
        world.workflow.ended[job.job_id] = execution
    world.events.published.clear()
    return world, account, job


def overdue(world: World, job: Job) -> None:
    """Let the time pass at which the sweep looks at it."""
    sweep_after = world.job(job.job_id).sweep_after
    assert sweep_after is not None
    world.clock.time = max(world.clock.time, sweep_after)


def crashed(world: World, key: str = "key") -> str:
    """A job whose door died between the record and the start."""
    world.crash_at.plan = {world.crash_at.calls + 2: "before"}  # get, create, start
    before = set(world.jobs.records)
    with pytest.raises(DeadError):
        world.accepted(key=key)
    (job_id,) = set(world.jobs.records) - before
    return job_id


def test_a_job_that_no_next_try_would_find_is_started_once() -> None:
    world, _ = deployment()
    job_id = crashed(world)
    world.clock.advance(120)

    assert world.sweep_jobs()() == {"restarted": [job_id]}
    assert world.sweep_jobs()() == {}

    assert world.workflow.started == [job_id]
    assert world.metrics.total("JobsRestarted") == 1
    Machine(world).run()
    assert_ended(world)


def test_a_job_that_its_door_may_just_be_starting_is_left_alone() -> None:
    world, _ = deployment()
    crashed(world)
    world.clock.advance(119)

    assert world.sweep_jobs()() == {}
    assert world.workflow.started == []


def test_every_job_that_was_not_started_is_found_however_many_and_however_old() -> None:
    world, _ = deployment()
    jobs = [crashed(world, f"key-{number}") for number in range(120)]
    world.clock.advance(86_400 * 3)

    assert world.sweep_jobs()() == {"restarted": sorted(jobs)}


@pytest.mark.parametrize("status", STATUSES)
def test_a_job_that_goes_on_is_left_and_looked_at_again_ten_minutes_later(status: Status) -> None:
    world, _, job = stranded(status, Execution.RUNNING)
    overdue(world, job)
    before = world.job(job.job_id)

    assert world.sweep_jobs()() == {"left": [job.job_id]}

    later = world.clock() + timedelta(minutes=10)
    assert world.job(job.job_id) == before.model_copy(update={"sweep_after": later})
    assert world.sweep_jobs()() == {}
    assert world.events.published == []
    assert world.metrics.total("StuckJobs") == 0


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("execution", ENDED)
def test_a_job_that_its_execution_left_open_is_closed_with_what_is_known(
    status: Status, execution: Execution
) -> None:
    world, _, job = stranded(status, execution)
    overdue(world, job)

    assert world.sweep_jobs()() == {"closed": [job.job_id]}

    codes = {Execution.ABORTED: Code.CANCELED, Execution.TIMED_OUT: Code.DEADLINE_EXCEEDED}
    expected = codes.get(execution, Code.INTERNAL_ERROR)
    if status is Status.SUBMITTING:
        expected = Code.SUBMISSION_UNKNOWN
    ended = world.job(job.job_id)
    assert (ended.status, ended.code) == (Status.FAILED, expected)
    assert ended.charge is (Charged.NO if status is Status.QUEUED else Charged.MAYBE)
    [counted] = [each for each in world.metrics.counted if each.name == "JobsClosed"]
    assert counted.dimensions == {"code": str(expected)}
    assert_counts(world.jobs)
    assert_ended(world)


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.SUBMITTED])
def test_a_job_under_way_that_has_no_execution_at_all_is_closed_and_not_sent_again(
    status: Status,
) -> None:
    world, account, job = stranded(status, None)
    overdue(world, job)

    assert world.sweep_jobs()() == {"closed": [job.job_id]}

    assert len(account.posts) == 1
    assert world.workflow.started == []


def test_a_canceled_job_is_closed_as_canceled() -> None:
    world, _, job = stranded(Status.SUBMITTED, Execution.FAILED)
    world.cancel_job()(TESTS, job.job_id)
    overdue(world, job)

    world.sweep_jobs()()

    assert world.job(job.job_id).code is Code.CANCELED


def test_a_job_whose_deadline_passed_an_hour_ago_is_closed_though_its_execution_runs() -> None:
    world, _, job = stranded(Status.SUBMITTED, Execution.RUNNING)
    world.clock.advance(DEADLINE + 3600)
    assert world.sweep_jobs()() == {"left": [job.job_id]}
    world.clock.advance(601)

    assert world.sweep_jobs()() == {"closed": [job.job_id]}

    assert world.job(job.job_id).code is Code.DEADLINE_EXCEEDED
    assert world.metrics.total("StuckJobs") == 1
    assert_counts(world.jobs)


def test_what_is_finished_at_the_provider_is_left_to_the_execution_that_copies_it() -> None:
    world, account, job = stranded(Status.SUBMITTED, Execution.RUNNING)
    world.clock.advance(account.seconds)
    world.check_job()(Step(job_id=job.job_id))
    world.clock.advance(DEADLINE + 7200)

    assert world.sweep_jobs()() == {"left": [job.job_id]}
    assert world.metrics.total("StuckJobs") == 1


@pytest.mark.parametrize("code", [Code.MODERATED, Code.SUBMISSION_UNKNOWN])
def test_an_end_that_was_written_and_not_told_is_told(code: Code) -> None:
    world, _, job = stranded(Status.SUBMITTED, Execution.FAILED)
    world.crash_at.plan = {world.crash_at.calls + 2: "before"}  # get, write, publish
    with pytest.raises(DeadError):
        world.end_job().fail(job.job_id, code)
    assert ends(world) == {}
    overdue(world, job)

    assert world.sweep_jobs()() == {"closed": [job.job_id]}

    assert_ended(world)
    assert (world.job(job.job_id).sweep_after is None) == (code is Code.MODERATED)
