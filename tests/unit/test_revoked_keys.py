"""A revoked key: its waiting jobs and open batches are canceled, free; submitted jobs continue."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain import callers, keys
from darkroom.domain.batch import Batch, BatchStatus, Counts
from darkroom.domain.callers import Role
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import Accepted
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.crashes import CrashTiming, SimulatedCrashError
from tests.fakes.invariants import assert_all_ended, assert_queue_counts
from tests.fakes.signals import START
from tests.fakes.world import MAX_QUEUE, TEXT_TO_IMAGE, World
from tests.unit.batches import create_all_jobs, result_rows, running_batch
from tests.unit.http import complete_job

BUDGET = 10_000_000
ROWS = [{"prompt": str(number)} for number in range(30)]
ONE_IN_FLIGHT = RateLimit(images_per_minute=600, max_in_flight=1)


def add_key(world: World, name: str = "shop") -> str:
    """Add a key and return its id."""
    key = keys.mint(name, Role.SUBMIT, now=START)[1]
    world.keys.add(key)
    return key.key_id


def accept(world: World, key_id: str, number: int = 0) -> Job:
    """Create a job of the key."""
    caller = callers.of_key("shop", Role.SUBMIT, key_id)
    source = RequestSource(caller, f"{key_id}-{number}", "r", daily_budget_micro_usd=BUDGET)
    return world.app.create_job.run(parse_request(TEXT_TO_IMAGE), source)


def submit(world: World, job: Job) -> Step:
    """Run Submit, and Fail if the state machine would run it."""
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    if step.outcome is Outcome.FAILED:
        assert step.code is not None
        world.app.end_job.fail(job.job_id, step.code)
    return step


def assert_canceled_for_free(world: World, job: Job) -> None:
    ended = world.job(job.job_id)
    assert (ended.status, ended.code, ended.charge) == (Status.FAILED, Code.CANCELED, Charged.NO)
    events = [e for e in world.events.of_type("JobFailed") if e.job_id == job.job_id]
    assert len({event.id for event in events}) == 1
    assert_queue_counts(world.jobs)


@pytest.mark.parametrize("is_in_queue", [False, True])
def test_waiting_job_of_a_revoked_key_is_not_submitted(is_in_queue: bool) -> None:
    world = World(rate_limit=ONE_IN_FLIGHT)
    key_id = add_key(world)
    if is_in_queue:
        submit(world, world.accept_job())
    job = accept(world, key_id)
    if is_in_queue:
        assert submit(world, job).outcome is Outcome.DEFERRED
        assert world.job(job.job_id).is_in_queue
    posts = len(world.provider.posts)
    assert world.jobs.budgets.reserved(START.date(), "key:shop").micro_usd > 0

    world.app.revoke_key.run(key_id, callers.AWS)
    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert len(world.provider.posts) == posts
    assert world.jobs.budgets.reserved(START.date(), "key:shop").micro_usd == 0
    assert_canceled_for_free(world, job)
    assert submit(world, job).code is Code.CANCELED


def test_job_accepted_after_the_revocation_is_not_submitted() -> None:
    """API Gateway caches the authorization for 30 s."""
    world = World()
    key_id = add_key(world)
    world.app.revoke_key.run(key_id, callers.AWS)

    job = accept(world, key_id)
    submit(world, job)

    assert world.provider.posts == []
    assert_canceled_for_free(world, job)


def test_submitted_job_of_a_revoked_key_completes() -> None:
    world = World()
    key_id = add_key(world)
    job = accept(world, key_id)
    submit(world, job)

    world.app.revoke_key.run(key_id, callers.AWS)
    world.app.sweep_keys.run()
    complete_job(world, job.job_id)

    assert world.job(job.job_id).status is Status.COMPLETED


def test_other_keys_of_the_caller_and_other_entry_points_are_not_affected() -> None:
    world = World()
    revoked, other = add_key(world), add_key(world)
    jobs = [accept(world, other), world.accept_job()]
    batch = running_batch(world, ROWS[:1], key_id=other)

    world.app.revoke_key.run(revoked, callers.AWS)
    assert world.app.sweep_keys.run() == []
    create_all_jobs(world, batch)

    world.provider.submissions = [Accepted("p-1"), Accepted("p-2")]
    for job in jobs:
        world.clock.advance(60)
        assert submit(world, job).outcome is Outcome.PROCESSING
    assert batch.job_of(1) in world.jobs.records


def collect_until_ended(world: World, batch: Batch) -> Batch:
    for _ in range(10):
        if world.app.collect_batch.run(batch.batch_id) == 0:
            break
    return world.batches.records[batch.batch_id]


def test_batch_of_a_revoked_key_creates_no_further_rows_and_ends_as_canceled() -> None:
    world = World()
    key_id = add_key(world)
    batch = running_batch(world, ROWS, key_id=key_id)
    spans: Any = world.batch_files.chunks[batch.batch_id]
    world.app.create_rows.run(batch.batch_id, spans[0])
    complete_job(world, batch.job_of(1))

    world.app.revoke_key.run(key_id, callers.AWS)
    assert [world.app.create_rows.run(batch.batch_id, span) for span in spans[1:]] == [0, 0]

    ended = collect_until_ended(world, batch)
    assert len(world.jobs.records) == 12
    assert (ended.status, ended.counts) == (
        BatchStatus.CANCELED, Counts(completed=1, canceled=29)
    )  # fmt: skip
    assert {row["code"] for row in result_rows(world, batch)[1:]} == {"canceled"}
    assert_all_ended(world)


def test_sweep_cancels_queued_jobs_and_open_batches_of_a_revoked_key() -> None:
    world = World(rate_limit=ONE_IN_FLIGHT)
    key_id = add_key(world)
    batch = running_batch(world, ROWS, key_id=key_id)
    create_all_jobs(world, batch)
    submit(world, world.accept_job())
    jobs = [accept(world, key_id, number) for number in range(3)]
    submit(world, jobs[0])  # enters the queue

    world.app.revoke_key.run(key_id, callers.AWS)
    canceled = world.app.sweep_keys.run()

    assert len(canceled) == 3 + 30 + 1
    for job in jobs:
        assert_canceled_for_free(world, job)
    assert collect_until_ended(world, batch).status is BatchStatus.CANCELED
    assert world.app.sweep_keys.run() == []


def test_sweep_inspects_a_revoked_key_until_no_request_of_it_can_be_accepted() -> None:
    world = World()
    key_id = add_key(world)
    world.app.revoke_key.run(key_id, callers.AWS)
    world.app.sweep_keys.run()
    world.clock.advance(60)  # a cached authorization

    late = accept(world, key_id)

    assert world.app.sweep_keys.run() == [late.job_id]
    world.clock.advance(120)
    world.app.sweep_keys.run()
    [revocation] = world.keys.revocations()
    assert revocation.swept_at == world.clock()
    assert world.app.ports.queue.read_all().revoked == {key_id}


@pytest.mark.parametrize("most", [1, 7, 30])
def test_sweep_of_keys_stops_at_its_time_limit_and_the_next_continues(most: int) -> None:
    world = World()
    key_id = add_key(world)
    jobs = [accept(world, key_id, number) for number in range(31)]
    world.app.revoke_key.run(key_id, callers.AWS)
    world.clock.advance(180)
    remaining = [most]

    def has_time() -> bool:
        remaining[0] -= 1
        return remaining[0] > 0

    assert len(world.app.sweep_keys.run(has_time)) == most
    assert [revocation.swept_at for revocation in world.keys.revocations()] == [None]
    assert len(world.app.sweep_keys.run()) == 31 - most
    for job in jobs:
        assert_canceled_for_free(world, job)


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("at", range(16))
def test_next_sweep_completes_a_crashed_sweep_of_keys(at: int, timing: CrashTiming) -> None:
    world = World(rate_limit=ONE_IN_FLIGHT)
    key_id = add_key(world)
    submit(world, world.accept_job())
    jobs = [accept(world, key_id, number) for number in range(2)]
    submit(world, jobs[0])
    world.app.revoke_key.run(key_id, callers.AWS)
    world.crash_at.plan = {world.crash_at.calls + at: timing}
    for _ in range(10):
        for run in (world.app.sweep_keys.run, world.app.sweep_jobs.run):
            with contextlib.suppress(SimulatedCrashError):
                run()
        world.clock.advance(60)

    for job in jobs:
        assert_canceled_for_free(world, job)
        assert world.job(job.job_id).published_at is not None
    assert [revocation.swept_at is None for revocation in world.keys.revocations()] == [False]


def test_sweep_reads_only_jobs_that_can_still_wait() -> None:
    world = World()
    key_id = add_key(world)
    old = accept(world, key_id)
    world.clock.time += timedelta(seconds=MAX_QUEUE + 1)
    recent = accept(world, key_id, 1)
    world.app.revoke_key.run(key_id, callers.AWS)

    assert world.app.sweep_keys.run() == [recent.job_id]
    assert submit(world, old).code is Code.PROVIDER_UNAVAILABLE


def test_failure_of_one_key_does_not_stop_the_sweep_of_others() -> None:
    world = World()
    first, second = add_key(world), add_key(world)
    jobs = [accept(world, first), accept(world, second)]
    for key_id in (first, second):
        world.app.revoke_key.run(key_id, callers.AWS)
    leave = world.jobs.transact

    def fail_for_first(job_id: str, *arguments: Any, **options: Any) -> Any:
        if job_id == jobs[0].job_id:
            raise RuntimeError("a write failed")
        return leave(job_id, *arguments, **options)

    world.jobs.transact = fail_for_first  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="a write failed"):
        world.app.sweep_keys.run()

    assert world.job(jobs[1].job_id).code is Code.CANCELED
