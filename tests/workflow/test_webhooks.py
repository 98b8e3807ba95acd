"""Webhooks before, during and after the wait, or never; a poll decides."""

from tests.workflow.cloud import (
    AWAIT_WEBHOOK,
    CHECK,
    FINALIZE,
    NEXT_WEBHOOK_WAIT,
    SUBMIT,
    WEBHOOK_PATH,
    WEBHOOK_WAIT,
    Cloud,
)
from tests.workflow.provider import completed, error_response, processing


def deliver_webhook_at(cloud: Cloud, point: str) -> None:
    """Deliver the webhook once, at this effect."""

    def on_effect(effect: str) -> None:
        if effect == point:
            cloud.lambdas.on_effect = lambda _: None
            assert cloud.deliver_webhook() == 204

    cloud.lambdas.on_effect = on_effect


def test_webhook_ends_the_wait(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.set_duration(40)
    webhook_cloud.clock.schedule(40, webhook_cloud.deliver_webhook)

    run = webhook_cloud.run()

    assert run.states == WEBHOOK_PATH
    assert webhook_cloud.clock.waits == [40]
    assert run.job.checks == 1
    assert (run.job.woken_at, run.job.wake_token) == (None, None)


def test_webhook_before_the_wait_skips_the_wait(webhook_cloud: Cloud) -> None:
    """The webhook arrives after the submit and before WaitForWebhook has written its token."""
    deliver_webhook_at(webhook_cloud, "Submit: after PutEvents")

    run = webhook_cloud.run()

    assert run.states == WEBHOOK_PATH
    assert webhook_cloud.clock.waits == []
    assert "ConditionalCheckFailed" in run.history


def test_webhook_before_the_submit_response_claims_the_prediction(webhook_cloud: Cloud) -> None:
    deliver_webhook_at(webhook_cloud, "Submit: after POST")

    run = webhook_cloud.run()

    assert run.states == WEBHOOK_PATH
    assert webhook_cloud.clock.waits == []


def test_webhook_during_a_poll_causes_another_poll(webhook_cloud: Cloud) -> None:
    """The webhook arrives after the poll response and before Finalize has recorded it."""
    webhook_cloud.provider.script_polls(processing(), completed())
    deliver_webhook_at(webhook_cloud, "Finalize: after GET")

    run = webhook_cloud.run()

    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK * 2, "Done"]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT]


def test_webhook_after_the_end_changes_nothing(webhook_cloud: Cloud) -> None:
    run = webhook_cloud.run()

    assert webhook_cloud.deliver_webhook() == 204

    assert webhook_cloud.job(run.job.job_id) == run.job
    assert webhook_cloud.events(run.job.job_id) == run.events


def test_provider_is_polled_without_a_webhook(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.set_duration(WEBHOOK_WAIT + NEXT_WEBHOOK_WAIT)

    run = webhook_cloud.run()

    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK * 2, "Done"]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, NEXT_WEBHOOK_WAIT]


def test_unreadable_poll_is_retried_with_a_plain_wait(webhook_cloud: Cloud) -> None:
    """The retry takes seconds, and the webhook has already arrived."""
    webhook_cloud.provider.script_polls(error_response(502), completed())

    run = webhook_cloud.run()

    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK, *CHECK, *FINALIZE, "Done"]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, 2]
