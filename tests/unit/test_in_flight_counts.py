"""The line's counts follow the records, through every crash and every race of two functions."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Code, EndedError
from darkroom.domain.steps import Step
from darkroom.domain.submit_queue import RateLimit
from tests.fakes.account import Take
from tests.fakes.crashes import CrashAt, DeadError, Interruption, When
from tests.fakes.invariants import assert_budgets, assert_claims, assert_counts, assert_ended
from tests.fakes.machine import Machine, deployment
from tests.fakes.world import TESTS, World

BRONZE = RateLimit(2, 2)
ACTS = ("submit", "cancel", "fail", "webhook")
TAKES = st.sampled_from(Take)
WHEN: st.SearchStrategy[When] = st.sampled_from(["before", "after"])


def act(world: World, name: str, job_id: str) -> None:
    """Let one function run for a job."""
    match name:
        case "submit":
            world.submit_job()(Step(job_id=job_id))
        case "cancel":
            with suppress(EndedError):
                world.cancel_job()(TESTS, job_id)
        case "fail":
            world.end_job().fail(job_id, Code.INTERNAL_ERROR)
        case "webhook":
            for made in world.provider.made:  # type: ignore[attr-defined]
                if made.job_id == job_id:
                    job = world.job(job_id)
                    world.receive_webhook()._tell(job, made.token, made.prediction_id)


def settled(world: World) -> None:
    """Everything that can still happen happens, and then nothing waits and nothing is in flight."""
    assert_counts(world.jobs)
    assert_claims(world.jobs)
    Machine(world.beside()).run()
    assert_counts(world.jobs)
    assert_claims(world.jobs)
    assert_ended(world)
    assert world.jobs.queue.shard.in_flight == 0


@settings(max_examples=500)
@given(
    takes=st.lists(TAKES, max_size=3),
    others=st.integers(0, 3),
    before=st.lists(st.sampled_from(ACTS), max_size=2),
    name=st.sampled_from(ACTS),
    meanwhile=st.sampled_from(ACTS),
    owner_filter=st.integers(0, 3),
    at=st.integers(0, 12),
)
def test_two_functions_at_once_at_one_job_or_at_two(
    takes: list[Take],
    others: int,
    before: list[str],
    name: str,
    meanwhile: str,
    owner_filter: int,
    at: int,
) -> None:
    crash_at = Interruption({})
    world, account = deployment(rate_limit=BRONZE, crash_at=crash_at)
    world.flag_store.set(webhook_url="https://api.test")
    for number in range(others):
        other = world.accepted(key=f"other-{number}")
        account.asking = other.job_id
        act(world, "submit", other.job_id)
    account.takes = list(takes)
    job = world.accepted()
    account.asking = job.job_id
    for each in before:
        act(world, each, job.job_id)
    world.clock.advance(31 * len(before))

    crash_at.at = crash_at.calls + at
    other_id = list(world.jobs.records)[owner_filter % (others + 1)]
    crash_at.act = lambda: act(world.beside(), meanwhile, other_id)
    act(world, name, job.job_id)

    crash_at.act = None
    settled(world)


@settings(max_examples=500)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(ACTS), st.integers(0, 2), st.integers(0, 40), TAKES),
        max_size=8,
    ),
    crashes=st.dictionaries(st.integers(0, 60), WHEN, max_size=5),
)
def test_whatever_dies_at_any_call_the_counts_are_those_of_the_records(
    steps: list[tuple[str, int, int, Take]], crashes: dict[int, When]
) -> None:
    world, account = deployment(rate_limit=BRONZE, stack_budget=60_000 * 3)
    world.flag_store.set(webhook_url="https://api.test")
    jobs = [world.accepted(key=f"key-{number}").job_id for number in range(3)]
    world.crash_at.plan = {world.crash_at.calls + at: when for at, when in crashes.items()}
    for name, which, pause, take in steps:
        account.takes, account.asking = [take], jobs[which]
        world.clock.advance(pause)
        with suppress(DeadError):
            act(world, name, jobs[which])
        assert_counts(world.jobs)
        assert_claims(world.jobs)
        assert_budgets(world.jobs, {"STACK": 60_000 * 3})

    account.takes = []
    world.crash_at.plan = {}
    settled(world)
    assert_budgets(world.jobs, {"STACK": 60_000 * 3})


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(12))
@pytest.mark.parametrize("take", Take)
def test_one_crash_in_a_submit_leaves_no_trace_in_the_line(take: Take, at: int, when: When) -> None:
    world, account = deployment(rate_limit=BRONZE, crash_at=CrashAt({}))
    for number in range(3):
        world.accepted(key=f"other-{number}")
    account.takes = [take]
    job = world.accepted()
    world.crash_at.plan = {world.crash_at.calls + at: when}
    with suppress(DeadError):
        act(world, "submit", job.job_id)

    settled(world)
