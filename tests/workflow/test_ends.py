"""Executions that are stopped, canceled, or started twice, and jobs that the sweep ends."""

import json

import pytest

from tests.fakes.images import PNG
from tests.workflow.cloud import (
    CHECK,
    DEFER,
    FAIL,
    FINALIZE,
    REQUEST,
    SUBMIT,
    SUCCESS_PATH,
    WEBHOOK_WAIT,
    Cloud,
)
from tests.workflow.lambdas import KilledError
from tests.workflow.machine import FunctionError
from tests.workflow.provider import error_response, processing


def test_execution_stopped_at_the_provider_ends_the_job_as_canceled(cloud: Cloud) -> None:
    cloud.provider.script_polls(processing())
    job_id = cloud.request()
    cloud.clock.schedule(30, lambda: cloud.stop(job_id))

    run = cloud.finish(job_id)

    assert run.status == "ABORTED"
    assert run.states[-1] == "WaitBeforeCheck"
    assert run.job.code == "canceled"
    assert run.event_names == ["JobSubmitted", "JobFailed"]
    assert run.events[-1][1]["charged"] == "maybe"


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


def test_output_of_a_canceled_job_is_stored(cloud: Cloud) -> None:
    cloud.provider.set_duration(30)
    job_id = cloud.request()
    statuses: list[int] = []
    cloud.clock.schedule(10, lambda: statuses.append(cloud.cancel(job_id)))

    run = cloud.finish(job_id)

    assert statuses == [202]
    assert run.outcome == ("FAILED", "canceled")
    assert run.states == [*SUBMIT, *CHECK * run.job.checks, *FINALIZE, *FAIL]
    assert run.event_names == ["JobSubmitted", "JobFailed"]
    (asset,) = run.job.assets
    assert cloud.asset(asset.key) == PNG
    assert json.loads(cloud.asset(f"jobs/{job_id}/manifest.json"))["canceled_at"] is not None
    assert run.events[-1][1]["charged"] == "yes"


def test_job_canceled_in_the_queue_is_not_submitted_again(cloud: Cloud) -> None:
    cloud.provider.refusals = [error_response(429, **{"retry-after": "7"})]
    job_id = cloud.request()
    cloud.clock.schedule(3, lambda: cloud.cancel(job_id))

    run = cloud.finish(job_id)

    assert run.outcome == ("FAILED", "canceled")
    assert run.states == [*DEFER, *SUBMIT, *FAIL]
    assert len(run.posts) == 1
    assert run.event_names == ["JobFailed"]
    assert run.events[0][1]["charged"] == "no"


def test_repeated_request_event_creates_one_execution(cloud: Cloud) -> None:
    job_id = cloud.request()
    assert cloud.request() == job_id
    run = cloud.finish(job_id)

    assert cloud.request() == job_id
    cloud.machine.run_pending()

    assert cloud.inspect(job_id).states == run.states == SUCCESS_PATH
    assert len(cloud.provider.posts) == 1


def test_second_execution_of_an_ended_job_submits_nothing(cloud: Cloud) -> None:
    run = cloud.run()

    cloud.start(run.job.job_id, name="again")

    assert cloud.execution("again")["status"] == "SUCCEEDED"
    assert len(cloud.provider.posts) == 1
    assert cloud.events(run.job.job_id) == run.events


def test_sweep_starts_a_job_without_an_execution(cloud: Cloud) -> None:
    def crash(effect: str) -> None:
        if effect == "Api: before StartExecution":
            cloud.lambdas.on_effect = lambda _: None
            raise KilledError

    cloud.lambdas.on_effect = crash
    with pytest.raises(FunctionError):
        cloud.call("POST", "/v1/jobs", body=REQUEST)
    (job,) = cloud.jobs()

    assert cloud.sweep_for(5)["restarted"] == {job.job_id}

    assert cloud.inspect(job.job_id).states == SUCCESS_PATH


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
