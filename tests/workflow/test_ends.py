"""Executions that are stopped, canceled, or started twice, and jobs that the sweep ends."""

from tests.fakes.images import PNG
from tests.workflow.cloud import (
    WEBHOOK_WAIT,
    Cloud,
)
from tests.workflow.provider import processing


def test_execution_stopped_during_a_webhook_wait_ends_the_job(webhook_cloud: Cloud) -> None:
    webhook_cloud.provider.script_polls(processing())
    job_id = webhook_cloud.request()
    webhook_cloud.clock.schedule(90, lambda: webhook_cloud.stop(job_id))

    run = webhook_cloud.finish(job_id)

    assert run.status == "ABORTED"
    assert run.states[-1] == "WaitForWebhook"
    assert webhook_cloud.clock.waits == [WEBHOOK_WAIT, 90 - WEBHOOK_WAIT]
    assert run.job.code == "canceled"
    # The webhook finds no waiting execution.
    assert webhook_cloud.deliver_webhook() == 204


def test_sweep_closes_a_stopped_job_and_stores_its_output(cloud: Cloud) -> None:
    cloud.provider.set_duration(600)
    job_id = cloud.request()
    cloud.clock.schedule(10, lambda: cloud.stop(job_id))

    swept = cloud.sweep_for(60)  # OnExecutionEnded does not run

    run = cloud.inspect(job_id)
    assert swept["closed"] == swept["recovered"] == {job_id}
    assert run.event_names == ["JobSubmitted", "JobFailed", "JobRecovered"]
    assert run.job.code == "canceled"
    assert cloud.asset(run.job.assets[0].key) == PNG
