"""The counts of the queue shards match the records after every crash and race."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Code, EndedError
from darkroom.domain.steps import Step
from darkroom.domain.submit_queue import RateLimit
from tests.fakes.crashes import CrashAt, CrashTiming, Interruption, SimulatedCrashError
from tests.fakes.invariants import (
    assert_all_ended,
    assert_budgets,
    assert_claims,
    assert_queue_counts,
)
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import PostResult
from tests.fakes.world import TEST_CALLER, World
from tests.profiles import examples

LOWEST_RATE_LIMIT = RateLimit(2, 2)
FUNCTIONS = ("submit", "cancel", "fail", "webhook")
POST_RESULTS = st.sampled_from(PostResult)
CRASH_TIMINGS: st.SearchStrategy[CrashTiming] = st.sampled_from(["before", "after"])


def run_function(world: World, name: str, job_id: str) -> None:
    """Run one function for a job."""
    match name:
        case "submit":
            world.app.submit_job.run(Step(job_id=job_id))
        case "cancel":
            with suppress(EndedError):
                world.app.cancel_job.run(TEST_CALLER, job_id)
        case "fail":
            world.app.end_job.fail(job_id, Code.INTERNAL_ERROR)
        case "webhook":
            for prediction in world.provider.created:  # type: ignore[attr-defined]
                if prediction.job_id == job_id:
                    job = world.job(job_id)
                    world.app.receive_webhook._deliver(
                        job, prediction.token, prediction.prediction_id
                    )


def assert_all_jobs_end(world: World) -> None:
    """Run all executions to their end; assert that no job waits or is in flight."""
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)
    StateMachine(world.without_crashes()).run()
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)
    assert_all_ended(world)
    assert world.jobs.queue.shard.in_flight == 0


@settings(max_examples=examples(125))
@given(
    post_results=st.lists(POST_RESULTS, max_size=3),
    others=st.integers(0, 3),
    earlier=st.lists(st.sampled_from(FUNCTIONS), max_size=2),
    name=st.sampled_from(FUNCTIONS),
    concurrent=st.sampled_from(FUNCTIONS),
    other_index=st.integers(0, 3),
    at=st.integers(0, 12),
)
def test_counts_match_with_two_concurrent_functions(
    post_results: list[PostResult],
    others: int,
    earlier: list[str],
    name: str,
    concurrent: str,
    other_index: int,
    at: int,
) -> None:
    crash_at = Interruption({})
    world, account = deployment(rate_limit=LOWEST_RATE_LIMIT, crash_at=crash_at)
    world.flag_store.set(webhook_url="https://api.test")
    for number in range(others):
        other = world.accept_job(key=f"other-{number}")
        account.current_job_id = other.job_id
        run_function(world, "submit", other.job_id)
    account.post_results = list(post_results)
    job = world.accept_job()
    account.current_job_id = job.job_id
    for function in earlier:
        run_function(world, function, job.job_id)
    world.clock.advance(31 * len(earlier))

    crash_at.at = crash_at.calls + at
    other_id = list(world.jobs.records)[other_index % (others + 1)]
    crash_at.action = lambda: run_function(world.without_crashes(), concurrent, other_id)
    run_function(world, name, job.job_id)

    crash_at.action = None
    assert_all_jobs_end(world)


@settings(max_examples=examples(125))
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(FUNCTIONS), st.integers(0, 2), st.integers(0, 40), POST_RESULTS),
        max_size=8,
    ),
    crashes=st.dictionaries(st.integers(0, 60), CRASH_TIMINGS, max_size=5),
)
def test_counts_match_after_crashes_at_any_call(
    steps: list[tuple[str, int, int, PostResult]], crashes: dict[int, CrashTiming]
) -> None:
    world, account = deployment(rate_limit=LOWEST_RATE_LIMIT, stack_budget=60_000 * 3)
    world.flag_store.set(webhook_url="https://api.test")
    jobs = [world.accept_job(key=f"key-{number}").job_id for number in range(3)]
    world.crash_at.plan = {world.crash_at.calls + at: timing for at, timing in crashes.items()}
    for name, index, pause, post_result in steps:
        account.post_results, account.current_job_id = [post_result], jobs[index]
        world.clock.advance(pause)
        with suppress(SimulatedCrashError):
            run_function(world, name, jobs[index])
        assert_queue_counts(world.jobs)
        assert_claims(world.jobs)
        assert_budgets(world.jobs, {"STACK": 60_000 * 3})

    account.post_results = []
    world.crash_at.plan = {}
    assert_all_jobs_end(world)
    assert_budgets(world.jobs, {"STACK": 60_000 * 3})


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("at", range(12))
@pytest.mark.parametrize("post_result", PostResult)
def test_crash_in_a_submit_leaves_no_stale_queue_counts(
    post_result: PostResult, at: int, timing: CrashTiming
) -> None:
    world, account = deployment(rate_limit=LOWEST_RATE_LIMIT, crash_at=CrashAt({}))
    for number in range(3):
        world.accept_job(key=f"other-{number}")
    account.post_results = [post_result]
    job = world.accept_job()
    world.crash_at.plan = {world.crash_at.calls + at: timing}
    with suppress(SimulatedCrashError):
        run_function(world, "submit", job.job_id)

    assert_all_jobs_end(world)
