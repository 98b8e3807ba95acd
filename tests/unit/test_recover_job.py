"""RecoverJob: the paid output of a failed job is stored, and unspent money is released."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobRecovered
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Failed, NotDownloaded, Succeeded
from tests.fakes.crashes import Interruption
from tests.fakes.images import JPEG, PNG
from tests.fakes.invariants import (
    assert_all_ended,
    assert_budgets,
    assert_claims,
    assert_queue_counts,
)
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider import OUTPUT
from tests.fakes.provider_account import PostResult, ProviderAccount
from tests.fakes.world import World
from tests.unit.test_sweep_jobs import abandoned_job

SECOND = "https://cdn.test/output/1.png"
CAPS = {"STACK": 10**9}


def timed_out_job(run_seconds: float) -> tuple[World, ProviderAccount, Job]:
    """Return a job that failed at its deadline; its prediction takes `run_seconds`."""
    world, account = deployment(stack_budget=10**9)
    account.run_seconds = run_seconds
    job = world.accept_job()
    StateMachine(world).run()
    assert world.job(job.job_id).code is Code.DEADLINE_EXCEEDED
    return world, account, job


def sweep_until_done(world: World, job: Job) -> list[float]:
    """Sweep whenever the job is due, until it is not due again; return the times in seconds."""
    ended_at, seconds = world.job(job.job_id).ended_at, []
    assert ended_at is not None
    while sweep_after := world.job(job.job_id).sweep_after:
        world.clock.time = max(world.clock.time, sweep_after)
        seconds.append((world.clock() - ended_at).total_seconds())
        world.app.sweep_jobs.run()
    return seconds


def assert_recovered(world: World, job: Job, data: bytes = PNG) -> None:
    """Assert that the output is stored, JobRecovered is published and the status is unchanged."""
    stored = world.job(job.job_id)
    assert stored.status is Status.FAILED
    assert [world.assets.files[asset.key] for asset in stored.assets] == [data]
    assert stored.charge is Charged.YES
    assert f"{stored.prefix}/manifest.json" in world.assets.documents
    [event] = world.events.of_type("JobRecovered")
    assert isinstance(event, JobRecovered)
    assert (event.id, event.code) == (f"{job.job_id}.recovered", stored.code)
    assert event.assets == stored.assets
    assert event.uris == tuple(f"s3://assets/{asset.key}" for asset in stored.assets)
    assert stored.sweep_after is None
    assert_all_ended(world)
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)
    if stored.reservations:
        assert_budgets(world.jobs, CAPS)


def test_result_after_the_deadline_is_stored_and_published() -> None:
    world, account, job = timed_out_job(2000)

    sweep_until_done(world, job)

    assert_recovered(world, job)
    assert len(account.posts) == 1
    assert world.metrics.total("JobsRecovered") == 1


@pytest.mark.parametrize("list_lag", [121, 1200, 86_400])
def test_unknown_submission_is_recovered_when_it_is_listed(list_lag: int) -> None:
    world, account = deployment()
    account.post_results, account.list_lag = [PostResult.RESPONSE_LOST], timedelta(seconds=list_lag)
    job = world.accept_job()
    StateMachine(world).run()
    assert world.job(job.job_id).code is Code.SUBMISSION_UNKNOWN

    sweep_until_done(world, job)

    assert_recovered(world, job)


def make_predictions_unreadable(world: World, account: ProviderAccount) -> None:
    account.can_poll = False


def make_outputs_undownloadable(world: World, account: ProviderAccount) -> None:
    world.downloads.files = {OUTPUT: NotDownloaded(Code.ASSET_UNAVAILABLE, "")}  # type: ignore[dict-item]


@pytest.mark.parametrize("inject_fault", [make_predictions_unreadable, make_outputs_undownloadable])
def test_job_is_recovered_after_a_provider_or_download_fault(
    inject_fault: Callable[[World, ProviderAccount], None],
) -> None:
    world, account = deployment()
    inject_fault(world, account)
    job = world.accept_job()
    StateMachine(world).run()
    assert world.job(job.job_id).status is Status.FAILED
    assert world.app.sweep_jobs.run() == {}
    world.clock.advance(120)
    assert world.app.sweep_jobs.run() == {"left": [job.job_id]}

    account.can_poll = True
    world.downloads.files = {OUTPUT: PNG}
    sweep_until_done(world, job)

    assert_recovered(world, job)


def test_missing_output_of_several_is_recovered() -> None:
    world, account = deployment()
    account.results = [Succeeded((OUTPUT, SECOND))]
    world.downloads.files |= {SECOND: [NotDownloaded(Code.ASSET_UNAVAILABLE, "")]}
    job = world.accept_job()
    StateMachine(world).run()
    assert len(world.job(job.job_id).assets) == 1

    world.downloads.files |= {SECOND: JPEG}
    sweep_until_done(world, job)

    stored = world.job(job.job_id)
    assert [world.assets.files[asset.key] for asset in stored.assets] == [PNG, JPEG]
    assert len(world.events.of_type("JobRecovered")) == 1


@pytest.mark.parametrize("charged", [None, Charged.MAYBE, Charged.YES])
def test_failed_prediction_ends_the_recovery_without_an_event(
    charged: Charged | None,
) -> None:
    world, account, job = timed_out_job(2000)
    account.created[0].result = Failed(Code.MODERATED, "refused", charged)
    published = list(world.events.published)

    assert len(sweep_until_done(world, job)) >= 1

    stored = world.job(job.job_id)
    assert (stored.code, stored.detail) == (Code.DEADLINE_EXCEEDED, "refused")
    assert stored.charge is (charged or Charged.MAYBE)
    assert world.events.published == published
    assert_budgets(world.jobs, CAPS)


@pytest.mark.parametrize("has_prediction", [True, False])
def test_recovery_polls_slow_down_and_end_after_seven_days(has_prediction: bool) -> None:
    world, account = deployment()
    account.post_results = [] if has_prediction else [PostResult.REQUEST_LOST]
    account.run_seconds = 10**9
    job = world.accept_job()
    StateMachine(world).run()

    polls = sweep_until_done(world, job)

    pauses = [second - first for first, second in pairwise(polls)]
    assert polls[0] == 120
    assert pauses[:6] == [60 * minutes for minutes in (5, 15, 60, 240, 720, 720)]
    assert set(pauses[5:-1]) == {12 * 3600}
    sent_at = world.job(job.job_id).submitting_at
    assert sent_at is not None
    assert world.clock() == sent_at + timedelta(days=7) - timedelta(hours=1)
    assert world.job(job.job_id).sweep_after is None
    assert world.events.of_type("JobRecovered") == []
    assert_all_ended(world)


def test_job_with_a_refused_post_does_not_claim_an_identical_jobs_prediction() -> None:
    world, account = deployment()
    refused, identical = world.accept_job(key="refused"), world.accept_job(key="identical")
    world.app.acquire_slot.run(refused, ())
    world.app.end_job.fail(refused.job_id, Code.UNAUTHORIZED)  # a 403: not this model
    account.post_results, account.can_list = [PostResult.RESPONSE_LOST], False
    account.current_job_id = identical.job_id
    step = world.app.submit_job.run(Step(job_id=identical.job_id))
    account.can_list = True
    world.clock.advance(120)

    world.app.sweep_jobs.run()
    world.app.submit_job.run(step)

    assert world.job(identical.job_id).prediction_id == "p-1"
    assert world.job(refused.job_id).prediction_id is None


def test_abandoned_job_does_not_claim_a_claimed_prediction() -> None:
    world, account, job = abandoned_job(Status.SUBMITTING, None)
    world.clock.advance(1200)
    world.app.sweep_jobs.run()
    account.can_list = True
    world.jobs.claims.owners["p-1"] = "another"

    sweep_until_done(world, job)

    assert world.job(job.job_id).prediction_id is None
    assert world.assets.files == {}


FREE = Failed(Code.PROVIDER_FAILED, "no")
PRICE = 60_000


def remaining_budget(world: World) -> int:
    """Return the remaining stack budget, limited to the price of one job."""
    used = world.jobs.budgets.reserved(world.clock().date(), "STACK").micro_usd
    return max(0, PRICE - used)


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
