"""Two functions at the same time: counts, claims and budgets match the records after each call."""

from contextlib import suppress
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.callers import Role, of_key
from darkroom.domain.errors import STACK, BudgetExceededError, Charged, Code, EndedError
from darkroom.domain.job import Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import Quality
from darkroom.domain.steps import Step
from darkroom.domain.submit_queue import RateLimit
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.crashes import Interruption
from tests.fakes.invariants import (
    assert_all_ended,
    assert_budgets,
    assert_claims,
    assert_queue_counts,
)
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import PostResult, ProviderAccount
from tests.fakes.world import TEST_CALLER, TEXT_TO_IMAGE, World
from tests.profiles import examples

CALLERS = {"key:ada": 130_000, "key:bob": 300_000}
CAPS = CALLERS | {STACK: 350_000}
type Call = tuple[str, str, Quality, int]  # function, caller, quality and index of a job
CALLS: st.SearchStrategy[Call] = st.tuples(
    st.sampled_from(["create", "submit", "check", "finalize", "fail", "cancel", "webhook"]),
    st.sampled_from(["ada", "bob"]),
    st.sampled_from(Quality),
    st.integers(0, 4),
)
POST_RESULTS = st.lists(st.sampled_from(PostResult), max_size=10)
CODES = st.sampled_from([Code.CANCELED, Code.PROVIDER_FAILED, Code.MODERATED, Code.INTERNAL_ERROR])


def create_job(world: World, caller_name: str, quality: Quality, index: int) -> None:
    caller, key = of_key(caller_name, Role.SUBMIT), f"{quality}-{index}"
    source = RequestSource(caller, key, key, daily_budget_micro_usd=CALLERS[caller.name])
    with suppress(BudgetExceededError):
        world.app.create_job.run(parse_request(TEXT_TO_IMAGE | {"quality": str(quality)}), source)


def run_function(world: World, account: ProviderAccount, call: Call) -> None:
    """Create a job, or run one function for an existing job."""
    name, caller_name, quality, index = call
    jobs = list(world.jobs.records)
    if name == "create" or not jobs:
        create_job(world, caller_name, quality, index)
        return
    job_id, step, app = jobs[index % len(jobs)], Step(job_id=jobs[index % len(jobs)]), world.app
    interrupted_job, account.current_job_id = account.current_job_id, job_id
    # Raised for a job that has ended, and for one that is not submitted yet.
    with suppress(EndedError, LookupError):
        match name:
            case "submit":
                app.submit_job.run(step)
            case "check":
                app.check_job.run(step)
            case "finalize":
                app.finalize_job.run(step)
            case "fail":
                app.end_job.fail(job_id, list(Code)[index])
            case "cancel":
                app.cancel_job.run(TEST_CALLER, job_id)
            case "webhook":
                for prediction in [p for p in account.created if p.job_id == job_id]:
                    job, prediction_id = world.job(job_id), prediction.prediction_id
                    app.receive_webhook._deliver(job, prediction.token, prediction_id)
    account.current_job_id = interrupted_job


def assert_consistent(world: World) -> None:
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)
    assert_budgets(world.jobs, CAPS)


@settings(max_examples=examples(150))
@given(
    calls=st.lists(st.tuples(CALLS, CALLS, st.integers(0, 12)), max_size=12),
    post_results=POST_RESULTS,
    rate_limit=st.sampled_from([RateLimit(2, 2), RateLimit(600, 1000)]),
    has_webhooks=st.booleans(),
)
def test_records_and_counts_match_with_two_functions_at_a_time(
    calls: list[tuple[Call, Call, int]],
    post_results: list[PostResult],
    rate_limit: RateLimit,
    has_webhooks: bool,
) -> None:
    """The second function runs just before a port call of the first one."""
    interruption = Interruption({})
    world, account = deployment(
        crash_at=interruption, rate_limit=rate_limit, stack_budget=CAPS[STACK]
    )
    account.post_results = post_results
    world.flag_store.set(webhook_url="https://api.test" if has_webhooks else None)
    for first, second, at in calls:
        interruption.at = interruption.calls + at
        interruption.action = partial(run_function, world.without_crashes(), account, second)
        run_function(world, account, first)
        interruption.action = None
        assert_consistent(world)
        world.clock.advance(31)

    StateMachine(world).run()

    assert_consistent(world)
    assert_all_ended(world)
    assert world.jobs.queue.shard.in_flight == 0
    for job in world.jobs.records.values():
        assert account.possibly_accepted(job.job_id) <= 1
        assert job.canceled_at is None or job.status is Status.FAILED


@given(st.lists(st.tuples(st.sampled_from(PostResult), CODES), max_size=12))
def test_budget_finally_contains_the_charged_and_possibly_charged_jobs(
    jobs: list[tuple[PostResult, Code]],
) -> None:
    world, account = deployment(stack_budget=10**9)
    spent = 0
    for number, (post_result, code) in enumerate(jobs):
        job = world.accept_job(key=f"key-{number}")
        account.post_results, account.current_job_id = [post_result], job.job_id
        world.app.submit_job.run(Step(job_id=job.job_id))
        world.app.end_job.fail(job.job_id, code)
        ended = world.job(job.job_id)
        spent += 60_000 * (ended.charge is not Charged.NO)
        if account.possibly_accepted(job.job_id) and code is not Code.PROVIDER_FAILED:
            assert ended.charge is not Charged.NO

    assert world.app.budget.left("key:ada") == [(STACK, 10**9, 10**9 - spent)]
