"""RecoverJob and the budget: an uncharged job's reservation is released exactly once."""

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job
from darkroom.ports import Failed
from tests.fakes.crashes import CrashTiming, Interruption, SimulatedCrashError
from tests.fakes.invariants import assert_budgets
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import PostResult, ProviderAccount
from tests.fakes.world import World
from tests.unit.test_recover_job import CAPS, sweep_until_done, timed_out_job

FREE = Failed(Code.PROVIDER_FAILED, "no")
PRICE = 60_000


def remaining_budget(world: World) -> int:
    """Return the remaining stack budget, limited to the price of one job."""
    return world.app.budget.remaining("STACK", PRICE)


def job_that_fails_late(result: Failed = FREE) -> tuple[World, ProviderAccount, Job]:
    """Return a job that failed at its deadline and fails at the provider later."""
    world, account, job = timed_out_job(2000)
    account.created[0].result = result
    assert (world.job(job.job_id).charge, remaining_budget(world)) == (Charged.MAYBE, 0)
    return world, account, job


@pytest.mark.parametrize(
    ("result", "charge"),
    [
        (FREE, Charged.NO),
        (Failed(Code.PROVIDER_FAILED, "stopped", Charged.MAYBE), Charged.MAYBE),
        (Failed(Code.PROVIDER_FAILED, "nothing came", Charged.YES), Charged.YES),
        (Failed(Code.MODERATED, "no"), Charged.MAYBE),
    ],
)
def test_reservation_follows_the_final_charge_of_the_provider(
    result: Failed, charge: Charged
) -> None:
    world, _, job = job_that_fails_late(result)

    sweep_until_done(world, job)

    assert world.job(job.job_id).charge is charge
    assert remaining_budget(world) == (PRICE if charge is Charged.NO else 0)
    assert_budgets(world.jobs, CAPS)


def test_unanswered_post_stays_possibly_charged_after_an_uncharged_resubmit() -> None:
    world, account = deployment(stack_budget=10**9, resubmits=True)
    account.post_results, account.results, account.run_seconds = (
        [PostResult.REQUEST_LOST],
        [FREE],
        2000,
    )
    job = world.accept_job()
    StateMachine(world).run()
    assert world.job(job.job_id).code is Code.DEADLINE_EXCEEDED

    sweep_until_done(world, job)

    assert world.job(job.job_id).charge is Charged.MAYBE
    assert remaining_budget(world) == 0
    assert_budgets(world.jobs, CAPS)


def test_job_with_unauthorized_code_keeps_its_budget_consistent() -> None:
    world, account = deployment(stack_budget=10**9)
    job = world.accept_job()
    StateMachine(world).run(5)
    world.app.end_job.fail(job.job_id, Code.UNAUTHORIZED)
    account.created[0].result = FREE

    sweep_until_done(world, job)

    assert_budgets(world.jobs, CAPS)


def test_changed_provider_result_ends_the_recovery() -> None:
    world, account = deployment(stack_budget=10**9)
    account.results = [Failed(Code.PROVIDER_UNAVAILABLE, "canceled", Charged.MAYBE)]
    job = world.accept_job()
    StateMachine(world).run()
    assert world.job(job.job_id).charge is Charged.MAYBE
    account.created[0].result = FREE

    for _ in range(20):
        world.clock.advance(120)
        world.app.sweep_jobs.run()

    assert world.job(job.job_id).sweep_after is None
    assert_budgets(world.jobs, CAPS)


@pytest.mark.parametrize("at", range(12))
def test_concurrent_sweeps_release_the_reservation_once(at: int) -> None:
    crash_at = Interruption({})
    world, _, job = job_that_fails_late()
    world.crash_at = crash_at
    world.clock.advance(3600)
    crash_at.at, crash_at.action = at, lambda: world.without_crashes().app.sweep_jobs.run()

    world.app.sweep_jobs.run()

    assert remaining_budget(world) == PRICE
    assert world.job(job.job_id).sweep_after is None
    assert_budgets(world.jobs, CAPS)


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("at", range(10))
def test_reservation_is_released_once_despite_a_crash(at: int, timing: CrashTiming) -> None:
    world, _, job = job_that_fails_late()
    world.clock.advance(3600)
    world.crash_at.plan = {world.crash_at.calls + at: timing}
    for _ in range(5):
        try:
            world.app.sweep_jobs.run()
        except SimulatedCrashError:
            world.clock.advance(600)

    assert remaining_budget(world) == PRICE
    assert world.job(job.job_id).sweep_after is None
    assert_budgets(world.jobs, CAPS)
