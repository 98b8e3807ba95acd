"""Budgets under every interleaving of doors and ends: never above the cap, never a cent lost."""

from collections import Counter
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.callers import Role, of_key
from darkroom.domain.errors import BudgetExceededError, Charged, Code
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import Quality
from darkroom.domain.steps import Step
from darkroom.usecases.budget import STACK
from darkroom.usecases.create_job import RequestSource
from tests.fakes.account import Take
from tests.fakes.crashes import DeadError, Interruption, When
from tests.fakes.invariants import assert_budgets, assert_counts
from tests.fakes.machine import Machine, deployment
from tests.fakes.world import TEXT_TO_IMAGE, World

CALLERS = {"key:ada": 130_000, "key:bob": 300_000}
CAPS = CALLERS | {STACK: 350_000}
ACTS = st.sampled_from(["ask", "ask", "submit", "fail", "cancel"])
ACT = st.tuples(ACTS, st.sampled_from(["ada", "bob"]), st.sampled_from(Quality), st.integers(0, 4))
CODES = st.sampled_from([Code.CANCELED, Code.PROVIDER_FAILED, Code.MODERATED, Code.INTERNAL_ERROR])


def act(world: World, what: tuple[str, str, Quality, int]) -> None:
    """Let one function run: a door, or a step of some job."""
    name, who, quality, which = what
    if name == "ask":
        request = parse_request(
            TEXT_TO_IMAGE | {"quality": str(quality)}, max_deadline_seconds=3600
        )
        caller = of_key(who, Role.SUBMIT)
        key = f"{quality}-{which}"
        request_source = RequestSource(
            caller, key, key, daily_budget_micro_usd=CALLERS[caller.name]
        )
        with suppress(BudgetExceededError):
            world.create_job()(request, request_source)
        return
    jobs = list(world.jobs.records)
    if jobs:
        job_id = jobs[which % len(jobs)]
        if name == "submit":
            world.submit_job()(Step(job_id=job_id))
        elif name == "fail":
            world.end_job().fail(job_id, list(Code)[which])
        else:
            world.end_job().cancel(job_id)


@settings(max_examples=300)
@given(
    acts=st.lists(st.tuples(ACT, ACT, st.integers(0, 8)), max_size=12),
    takes=st.lists(st.sampled_from(Take), max_size=10),
)
def test_what_is_held_is_never_above_the_cap_however_functions_meet(
    acts: list[tuple[tuple[str, str, Quality, int], tuple[str, str, Quality, int], int]],
    takes: list[Take],
) -> None:
    crash_at = Interruption({})
    world, account = deployment(crash_at=crash_at, stack_budget=CAPS[STACK])
    account.takes = takes
    for first, meanwhile, at in acts:
        crash_at.at = crash_at.calls + at
        crash_at.act = lambda meanwhile=meanwhile: act(world.beside(), meanwhile)
        act(world, first)
        crash_at.act = None
        world.clock.advance(7)

        assert_budgets(world.jobs, CAPS)

    Machine(world).run()
    assert_budgets(world.jobs, CAPS)
    assert_counts(world.jobs)


@settings(max_examples=200)
@given(
    acts=st.lists(ACT, max_size=12),
    crashes=st.dictionaries(st.integers(0, 80), st.sampled_from(["before", "after"]), max_size=6),
)
def test_no_crash_holds_for_ever_what_no_job_has_or_frees_what_one_has(
    acts: list[tuple[str, str, Quality, int]], crashes: dict[int, When]
) -> None:
    world, _ = deployment(stack_budget=CAPS[STACK])
    world.crash_at.plan = crashes
    for each in acts:
        with suppress(DeadError):
            act(world, each)
        assert_budgets(world.jobs, CAPS)


@given(st.lists(st.tuples(st.sampled_from(Take), CODES), max_size=12))
def test_at_the_end_a_budget_holds_exactly_what_was_or_may_have_been_charged(
    jobs: list[tuple[Take, Code]],
) -> None:
    world, account = deployment(stack_budget=10**9)
    spent: Counter[str] = Counter()
    for number, (take, code) in enumerate(jobs):
        job = world.accepted(key=f"key-{number}")
        account.takes, account.asking = [take], job.job_id
        world.submit_job()(Step(job_id=job.job_id))
        world.end_job().fail(job.job_id, code)
        ended = world.job(job.job_id)
        spent[STACK] += 60_000 * (ended.charge is not Charged.NO)
        if account.possibly_taken(job.job_id) and code is not Code.PROVIDER_FAILED:
            assert ended.charge is not Charged.NO

    assert world.budget().left(STACK, 10**9) == 10**9 - spent[STACK]
