"""ReceiveWebhook for unanswered POSTs and failed jobs: the URL token identifies the job."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.domain.steps import Outcome
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.invariants import assert_claims, assert_queue_counts
from tests.fakes.machine import StateMachine
from tests.fakes.provider_account import CreatedPrediction, PostResult
from tests.fakes.world import TEST_CALLER
from tests.unit.test_receive_webhook import deliver_webhook, job_with_webhook, submit


def test_webhook_before_the_response_to_its_post_claims_the_prediction() -> None:
    world, account, job = job_with_webhook()
    create_original = account.create_prediction

    def create_and_deliver_webhook(*post: Any) -> CreatedPrediction:
        prediction = create_original(*post)
        assert deliver_webhook(world.without_crashes(), job, prediction)
        return prediction

    account.create_prediction = create_and_deliver_webhook  # type: ignore[assignment,method-assign]
    submit(world, job)

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert len(account.posts) == 1
    assert {event.id for event in world.events.published} == {f"{job.job_id}.submitted"}
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)


def test_webhook_claims_the_prediction_of_an_unanswered_post_by_its_token() -> None:
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    account.can_list = False
    step = submit(world, job)
    assert world.job(job.job_id).status is Status.SUBMITTING

    assert deliver_webhook(world, job, account.created[0])

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert world.app.submit_job.run(step).outcome is Outcome.AWAITING_WEBHOOK
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)


@pytest.mark.parametrize("token", ["", "another", "é", "\ud800"])
def test_webhook_with_another_token_claims_nothing(token: str) -> None:
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    account.can_list = False
    submit(world, job)
    before = world.job(job.job_id)

    assert deliver_webhook(world, job, account.created[0], token=token)

    assert world.job(job.job_id) == before
    assert world.jobs.claims.owners == {}


def test_claimed_prediction_is_not_claimed_by_a_webhook() -> None:
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    account.can_list = False
    submit(world, job)
    world.jobs.claims.owners["p-1"] = "another"

    assert deliver_webhook(world, job, account.created[0])

    assert world.job(job.job_id).prediction_id is None


@pytest.mark.parametrize("canceled", [True, False])
def test_webhook_of_an_unsent_job_changes_nothing(canceled: bool) -> None:
    world, account, job = job_with_webhook()
    prediction = account.create_prediction(job.model, job.input)
    if canceled:
        world.app.cancel_job.run(TEST_CALLER, job.job_id)
    before = world.job(job.job_id)

    assert deliver_webhook(world, job, prediction)

    assert world.job(job.job_id) == before


def test_webhook_of_a_failed_job_schedules_the_next_sweep() -> None:
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    account.can_list = False
    submit(world, job)
    world.app.end_job.fail(job.job_id, Code.SUBMISSION_UNKNOWN)
    world.clock.advance(3600 * 30)

    assert deliver_webhook(world, job, account.created[0])

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.FAILED, "p-1")
    assert stored.sweep_after == world.clock()
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("at", range(5))
def test_next_delivery_completes_a_crashed_webhook(at: int, timing: str) -> None:
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    account.can_list = False
    submit(world, job)
    world.crash_at.plan = {world.crash_at.calls + at: timing}  # type: ignore[dict-item]
    try:
        deliver_webhook(world, job, account.created[0])
    except SimulatedCrashError:
        deliver_webhook(world, job, account.created[0])

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert stored.woken_at is not None
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)


def test_webhook_long_after_the_deadline_schedules_a_recovery() -> None:
    world, account, job = job_with_webhook()
    account.run_seconds = 86_400 * 6
    StateMachine(world).run()
    while world.job(job.job_id).sweep_after is not None:  # until the recovery ends
        world.clock.time = max(
            world.clock.time, world.job(job.job_id).sweep_after or world.clock.time
        )
        world.app.sweep_jobs.run()
    world.clock.advance(86_400 * 3)

    assert deliver_webhook(world, job, account.created[0])

    assert world.job(job.job_id).sweep_after == world.clock()
    assert world.app.sweep_jobs.run() == {"recovered": [job.job_id]}


def test_webhook_of_a_job_waiting_for_a_resubmit_keeps_its_queue_position() -> None:
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    world.resubmits, account.list_lag = True, timedelta(days=1)
    step = submit(world, job)
    world.clock.advance(120)
    assert world.app.submit_job.run(step).outcome is Outcome.DEFERRED
    assert world.job(job.job_id).status is Status.QUEUED

    assert deliver_webhook(world, job, account.created[0])

    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)
    StateMachine(world).run()
    assert not world.job(job.job_id).is_open
    assert_queue_counts(world.jobs)
