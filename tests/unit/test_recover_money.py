"""RecoverJob and the budget: what was held is free again once, if nothing was charged after all."""

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job
from darkroom.ports import Failed
from tests.fakes.account import Account, Take
from tests.fakes.crashes import DeadError, Interruption, When
from tests.fakes.invariants import assert_budgets
from tests.fakes.machine import Machine, deployment
from tests.fakes.world import World
from tests.unit.test_recover_job import CAPS, slow, sweeps

FREE = Failed(Code.PROVIDER_FAILED, "no")
PRICE = 60_000


def left(world: World) -> int:
    """What is left of a budget for one job."""
    return world.budget().left("STACK", PRICE)


def broken(end: Failed = FREE) -> tuple[World, Account, Job]:
    """A job that was given up at its deadline, and fails at the provider later."""
    world, account, job = slow(2000)
    account.made[0].end = end
    assert (world.job(job.job_id).charge, left(world)) == (Charged.MAYBE, 0)
    return world, account, job


@pytest.mark.parametrize(
    ("end", "charge"),
    [
        (FREE, Charged.NO),
        (Failed(Code.PROVIDER_FAILED, "stopped", Charged.MAYBE), Charged.MAYBE),
        (Failed(Code.PROVIDER_FAILED, "nothing came", Charged.YES), Charged.YES),
        (Failed(Code.MODERATED, "no"), Charged.MAYBE),
    ],
)
def test_what_was_held_goes_by_what_the_provider_says_at_last(end: Failed, charge: Charged) -> None:
    world, _, job = broken(end)

    sweeps(world, job)

    assert world.job(job.job_id).charge is charge
    assert left(world) == (PRICE if charge is Charged.NO else 0)
    assert_budgets(world.jobs, CAPS)


def test_a_post_that_nobody_answered_is_not_free_because_a_later_one_is() -> None:
    world, account = deployment(stack_budget=10**9, resubmits=True)
    account.takes, account.ends, account.seconds = [Take.NEVER], [FREE], 2000
    job = world.accepted()
    Machine(world).run()
    assert world.job(job.job_id).code is Code.DEADLINE_EXCEEDED

    sweeps(world, job)

    assert world.job(job.job_id).charge is Charged.MAYBE
    assert left(world) == 0
    assert_budgets(world.jobs, CAPS)


def test_a_job_whose_key_was_lost_on_the_way_has_one_truth_about_its_money() -> None:
    world, account = deployment(stack_budget=10**9)
    job = world.accepted()
    Machine(world).run(5)
    world.end_job().fail(job.job_id, Code.UNAUTHORIZED)
    account.made[0].end = FREE

    sweeps(world, job)

    assert_budgets(world.jobs, CAPS)


def test_a_provider_that_says_otherwise_later_lets_the_job_rest() -> None:
    world, account = deployment(stack_budget=10**9)
    account.ends = [Failed(Code.PROVIDER_UNAVAILABLE, "canceled", Charged.MAYBE)]
    job = world.accepted()
    Machine(world).run()
    assert world.job(job.job_id).charge is Charged.MAYBE
    account.made[0].end = FREE

    for _ in range(20):
        world.clock.advance(120)
        world.sweep_jobs()()

    assert world.job(job.job_id).sweep_after is None
    assert_budgets(world.jobs, CAPS)


@pytest.mark.parametrize("at", range(12))
def test_two_sweeps_at_once_free_it_once(at: int) -> None:
    crash_at = Interruption({})
    world, _, job = broken()
    world.crash_at = crash_at
    world.clock.advance(3600)
    crash_at.at, crash_at.act = at, lambda: world.beside().sweep_jobs()()

    world.sweep_jobs()()

    assert left(world) == PRICE
    assert world.job(job.job_id).sweep_after is None
    assert_budgets(world.jobs, CAPS)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(10))
def test_a_crash_anywhere_frees_it_once(at: int, when: When) -> None:
    world, _, job = broken()
    world.clock.advance(3600)
    world.crash_at.plan = {world.crash_at.calls + at: when}
    for _ in range(5):
        try:
            world.sweep_jobs()()
        except DeadError:
            world.clock.advance(600)

    assert left(world) == PRICE
    assert world.job(job.job_id).sweep_after is None
    assert_budgets(world.jobs, CAPS)
