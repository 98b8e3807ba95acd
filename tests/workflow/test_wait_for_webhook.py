"""Waits with webhooks enabled: WaitForWebhook, and plain waits after temporary failures."""

from tests.workflow.actions import deliver_webhook_at, finish
from tests.workflow.cloud import (
    AWAIT_WEBHOOK,
    CHECK,
    FAIL,
    FINALIZE,
    NEXT_WEBHOOK_WAIT,
    REQUEST,
    SUBMIT,
    WEBHOOK_WAIT,
    Cloud,
)
from tests.workflow.responses import completed, file, html, status_response


def test_unreadable_poll_is_retried_with_a_plain_wait(
    webhook_cloud: Cloud,
) -> None:
    """The retry takes seconds, and the webhook has already arrived."""
    webhook_cloud.provider.script_polls(
        html(502), html(502), status_response("processing"), completed()
    )

    run = webhook_cloud.run()

    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK, *CHECK * 3, *FINALIZE, "Done"]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, 2, 4, 13]
    assert run.job.checks == 4


def test_failed_download_is_retried_with_a_plain_wait(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.script_files(html(500), file())

    run = webhook_cloud.run()

    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK, *CHECK, *FINALIZE, "Done"]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, 2]


def test_webhook_wait_ends_at_the_deadline(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.script_polls(status_response("processing"))

    run = webhook_cloud.run({**REQUEST, "deadline_seconds": 113})

    assert run.outcome == ("FAILED", "deadline_exceeded")
    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK * 3, *FAIL]
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, NEXT_WEBHOOK_WAIT, 7]


def test_webhooks_can_be_enabled_while_jobs_run(cloud: Cloud) -> None:
    """Each job continues in the mode in which it was submitted."""
    cloud.provider.set_duration(120)
    ids = [cloud.request(event_id="event-1")]
    cloud.clock.schedule(10, cloud.enable_webhooks)
    cloud.clock.schedule(20, lambda: ids.append(cloud.request(event_id="event-2")))
    cloud.clock.schedule(140, lambda: cloud.deliver_webhook(1))

    cloud.machine.run_pending()

    polled, notified = [cloud.inspect(job_id) for job_id in ids]
    assert polled.states == [*SUBMIT, *CHECK * polled.job.checks, *FINALIZE, "Done"]
    assert notified.states == [*SUBMIT, *AWAIT_WEBHOOK * 3, "Done"]
    assert polled.outcome == notified.outcome == ("SUCCEEDED", None)


def test_job_stopped_during_a_webhook_wait_is_closed(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.script_polls(status_response("processing"))
    job_id = webhook_cloud.request()
    webhook_cloud.clock.schedule(90, lambda: webhook_cloud.stop(job_id))

    run = finish(webhook_cloud, job_id)

    assert run.status == "ABORTED"
    assert run.states[-1] == "WaitForWebhook"
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, 90 - WEBHOOK_WAIT]
    assert run.job.code == "canceled"
    # The webhook finds no waiting execution.
    assert webhook_cloud.deliver_webhook() == 204


def test_output_of_a_job_canceled_during_a_webhook_wait_is_stored(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.set_duration(30)
    job_id = webhook_cloud.request()
    webhook_cloud.clock.schedule(10, lambda: webhook_cloud.cancel(job_id))
    deliver_webhook_at(webhook_cloud, 30)

    run = finish(webhook_cloud, job_id)

    assert run.outcome == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *AWAIT_WEBHOOK, *FAIL]
    assert len(run.job.assets) == 1
