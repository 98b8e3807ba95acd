"""Budgets with concurrent functions and crashes: within the cap and equal to the charges."""

from collections import Counter
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.callers import Role, of_key
from darkroom.domain.errors import STACK, BudgetExceededError, Charged, Code
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import Quality
from darkroom.domain.steps import Step
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.crashes import Interruption
from tests.fakes.invariants import assert_budgets, assert_queue_counts
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import PostResult
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.profiles import examples

CALLERS = {"key:ada": 130_000, "key:bob": 300_000}
CAPS = CALLERS | {STACK: 350_000}
FUNCTIONS = st.sampled_from(["create", "create", "submit", "fail", "cancel"])
CALLS = st.tuples(
    FUNCTIONS, st.sampled_from(["ada", "bob"]), st.sampled_from(Quality), st.integers(0, 4)
)
CODES = st.sampled_from([Code.CANCELED, Code.PROVIDER_FAILED, Code.MODERATED, Code.INTERNAL_ERROR])


def run_function(world: World, call: tuple[str, str, Quality, int]) -> None:
    """Run one function: create a job, or run a step of an existing job."""
    name, caller_name, quality, index = call
    if name == "create":
        request = parse_request(TEXT_TO_IMAGE | {"quality": str(quality)})
        caller = of_key(caller_name, Role.SUBMIT)
        key = f"{quality}-{index}"
        request_source = RequestSource(
            caller, key, key, daily_budget_micro_usd=CALLERS[caller.name]
        )
        with suppress(BudgetExceededError):
            world.app.create_job.run(request, request_source)
        return
    jobs = list(world.jobs.records)
    if jobs:
        job_id = jobs[index % len(jobs)]
        if name == "submit":
            world.app.submit_job.run(Step(job_id=job_id))
        elif name == "fail":
            world.app.end_job.fail(job_id, list(Code)[index])
        else:
            world.app.end_job.cancel(job_id)


@settings(max_examples=examples(75))
@given(
    calls=st.lists(st.tuples(CALLS, CALLS, st.integers(0, 8)), max_size=12),
    post_results=st.lists(st.sampled_from(PostResult), max_size=10),
)
def test_reserved_money_never_exceeds_the_cap_with_concurrent_functions(
    calls: list[tuple[tuple[str, str, Quality, int], tuple[str, str, Quality, int], int]],
    post_results: list[PostResult],
) -> None:
    crash_at = Interruption({})
    world, account = deployment(crash_at=crash_at, stack_budget=CAPS[STACK])
    account.post_results = post_results
    for first, concurrent, at in calls:
        crash_at.at = crash_at.calls + at
        crash_at.action = lambda concurrent=concurrent: run_function(
            world.without_crashes(), concurrent
        )
        run_function(world, first)
        crash_at.action = None
        world.clock.advance(7)

        assert_budgets(world.jobs, CAPS)

    StateMachine(world).run()
    assert_budgets(world.jobs, CAPS)
    assert_queue_counts(world.jobs)


@given(st.lists(st.tuples(st.sampled_from(PostResult), CODES), max_size=12))
def test_budget_finally_contains_the_charged_and_possibly_charged_jobs(
    jobs: list[tuple[PostResult, Code]],
) -> None:
    world, account = deployment(stack_budget=10**9)
    spent: Counter[str] = Counter()
    for number, (post_result, code) in enumerate(jobs):
        job = world.accept_job(key=f"key-{number}")
        account.post_results, account.current_job_id = [post_result], job.job_id
        world.app.submit_job.run(Step(job_id=job.job_id))
        world.app.end_job.fail(job.job_id, code)
        ended = world.job(job.job_id)
        spent[STACK] += 60_000 * (ended.charge is not Charged.NO)
        if account.possibly_accepted(job.job_id) and code is not Code.PROVIDER_FAILED:
            assert ended.charge is not Charged.NO

    assert world.app.budget.remaining(STACK, 10**9) == 10**9 - spent[STACK]
