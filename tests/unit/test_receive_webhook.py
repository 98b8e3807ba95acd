"""ReceiveWebhook: wakes the waiting execution, and claims a prediction by the URL token."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Failed, Prediction
from tests.fakes.crashes import Interruption, SimulatedCrashError
from tests.fakes.invariants import assert_claims, assert_queue_counts
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import CreatedPrediction, PostResult, ProviderAccount
from tests.fakes.world import TEST_CALLER, World
from tests.unit.test_webhooks import signature_of

SECRET = "whsec_of_the_tests"


def job_with_webhook(*post_results: PostResult) -> tuple[World, ProviderAccount, Job]:
    """Return a job with webhooks enabled; its POST has the first of `post_results`."""
    world, account = deployment()
    world.flag_store.set(webhook_url="https://api.test")
    account.post_results = list(post_results)
    job = world.accept_job()
    account.current_job_id = job.job_id
    return world, account, job


def submit(world: World, job: Job) -> Step:
    return world.app.submit_job.run(Step(job_id=job.job_id))


def begin_webhook_wait(world: World, job: Job, wake: str = "wake-1") -> None:
    """Begin the state WaitForWebhook."""
    updated = world.jobs.update(
        job.job_id, when=[Status.SUBMITTED], absent="woken_at", wake_token=wake
    )
    assert updated is not None


def deliver_webhook(world: World, job: Job, prediction: CreatedPrediction, **changes: Any) -> bool:
    """Deliver a webhook with `changes` to the request; return whether it was accepted."""
    body = json.dumps({"id": prediction.prediction_id, "status": "completed"}).encode()
    at = int(world.clock().timestamp())
    headers = {
        "webhook-id": prediction.prediction_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature_of(body, SECRET, prediction.prediction_id, at),
    }
    arguments = {
        "job_id": job.job_id,
        "token": prediction.token,
        "headers": headers,
        "body": body,
    } | changes
    return world.app.receive_webhook.run(**arguments)


def test_webhook_ends_a_wait_that_has_begun() -> None:
    world, account, job = job_with_webhook()
    submit(world, job)
    begin_webhook_wait(world, job)

    assert deliver_webhook(world, job, account.created[0])

    assert world.workflow.woken == ["wake-1"]
    assert world.job(job.job_id).woken_at == world.clock()
    assert world.job(job.job_id).status is Status.SUBMITTED, "only the next poll changes the status"
    assert world.metrics.total("WebhooksAccepted") == 1


def test_early_webhook_prevents_the_wait() -> None:
    world, account, job = job_with_webhook()
    submit(world, job)

    deliver_webhook(world, job, account.created[0])

    assert world.workflow.woken == []
    begun = world.jobs.update(
        job.job_id, when=[Status.SUBMITTED], absent="woken_at", wake_token="wake-1"
    )
    assert begun is None


def test_next_wait_after_a_poll_can_be_ended_by_a_webhook() -> None:
    world, account, job = job_with_webhook()
    account.run_seconds = 1000
    step = submit(world, job)
    begin_webhook_wait(world, job, "wake-1")
    deliver_webhook(world, job, account.created[0])
    world.clock.advance(1)

    step = world.app.finalize_job.run(step)
    assert step.outcome is Outcome.AWAITING_WEBHOOK
    begin_webhook_wait(world, job, "wake-2")
    deliver_webhook(world, job, account.created[0])

    assert world.workflow.woken == ["wake-1", "wake-2"]


def test_webhook_during_a_poll_prevents_the_next_wait() -> None:
    world, account, job = job_with_webhook()
    account.run_seconds = 10
    step = submit(world, job)
    check_original = account.check

    def poll_then_deliver_webhook(prediction_id: str) -> Prediction:
        prediction = check_original(prediction_id)
        deliver_webhook(world, job, account.created[0])
        return prediction

    account.check = poll_then_deliver_webhook  # type: ignore[method-assign]
    step = world.app.finalize_job.run(step)
    assert step.outcome is Outcome.AWAITING_WEBHOOK

    assert world.job(job.job_id).woken_at is not None, "the wait does not begin"


def test_webhook_of_another_prediction_is_ignored() -> None:
    world, account, job = job_with_webhook()
    submit(world, job)
    begin_webhook_wait(world, job)
    before = world.job(job.job_id)
    other_prediction = account.create_prediction(job.model, job.input)

    assert deliver_webhook(world, job, other_prediction, token=account.created[0].token)

    assert (world.job(job.job_id), world.workflow.woken) == (before, [])


@pytest.mark.parametrize("result", ["completed", "failed"])
def test_webhook_of_an_ended_job_is_ignored(result: str) -> None:
    world, account, job = job_with_webhook()
    account.results = [Failed(Code.MODERATED, "no")] if result == "failed" else []
    StateMachine(world).run()
    before = world.job(job.job_id)
    assert not before.is_open

    assert deliver_webhook(world, job, account.created[0])

    assert world.job(job.job_id) == before
    assert world.workflow.woken == []


@given(st.permutations(range(6)), st.integers(1, 3))
def test_duplicate_and_reordered_webhooks_wake_their_own_jobs(order: list[int], times: int) -> None:
    world, account = deployment()
    world.flag_store.set(webhook_url="https://api.test")
    jobs = [world.accept_job(key=f"key-{number}") for number in range(6)]
    for job in jobs:
        account.current_job_id = job.job_id
        submit(world, job)
        begin_webhook_wait(world, job, f"wake-{job.job_id}")

    for number in order * times:
        deliver_webhook(world, jobs[number], account.created[number])

    assert set(world.workflow.woken) == {f"wake-{job.job_id}" for job in jobs}
    assert list(dict.fromkeys(world.workflow.woken)) == [
        f"wake-{jobs[number].job_id}" for number in order
    ]
    assert_claims(world.jobs)


def test_forged_webhook_changes_nothing() -> None:
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    account.can_list = False
    submit(world, job)
    records, owners = dict(world.jobs.records), dict(world.jobs.claims.owners)
    published = list(world.events.published)

    prediction = account.created[0]
    assert not deliver_webhook(world, job, prediction, body=b'{"id":"p-1"}')
    assert not deliver_webhook(world, job, prediction, headers={})

    assert (world.jobs.records, world.jobs.claims.owners) == (records, owners)
    assert (world.workflow.woken, world.events.published) == ([], published)
    assert [record.name for record in world.metrics.recorded if "Webhook" in record.name] == [
        "WebhooksRejected"
    ] * 2


@pytest.mark.parametrize(("token", "max_age"), [(None, 0), ("guess", 30), ("", 30)])
def test_rotated_secret_is_read_immediately_only_with_a_valid_token(
    token: str | None, max_age: float
) -> None:
    world, account, job = job_with_webhook()
    submit(world, job)
    reads: list[float] = []

    def read(max_age: float) -> list[str]:
        reads.append(max_age)
        return ["whsec_of_yesterday"] if max_age == 300 else [SECRET]

    account.read = read  # type: ignore[method-assign]
    changes = {} if token is None else {"token": token}

    assert deliver_webhook(world, job, account.created[0], **changes)
    assert reads == [300, max_age]
    assert not deliver_webhook(world, job, account.created[0], body=b"{}", **changes)
    assert reads == [300, max_age] * 2


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


def test_webhook_of_a_job_that_ends_meanwhile_claims_the_prediction() -> None:
    """The job ends after the webhook has read it, and before the webhook writes the claim."""
    world, account, job = job_with_webhook(PostResult.RESPONSE_LOST)
    account.can_list = False
    submit(world, job)
    end = world.without_crashes().app.end_job
    world.crash_at = Interruption({}, at=1, action=lambda: end.fail(job.job_id, Code.CANCELED))

    assert deliver_webhook(world, job, account.created[0])

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.FAILED, "p-1")
    assert stored.sweep_after == world.clock()
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
    account.run_seconds = 86_400 * 9
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
