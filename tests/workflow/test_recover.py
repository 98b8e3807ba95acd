"""Recovery: predictions of ended jobs are polled, and their outputs are stored."""

from datetime import timedelta

import boto3
import httpx
import pytest

from tests.workflow.actions import run_once_at, stop_at, sweep_for
from tests.workflow.cloud import DEFER, REQUEST, Cloud
from tests.workflow.deployment import BUCKET
from tests.workflow.lambdas import KilledError
from tests.workflow.provider import Accepted
from tests.workflow.responses import completed, failed, html, status_response


def test_submitted_job_with_a_stopped_execution_is_closed_and_stored(
    cloud: Cloud,
) -> None:
    cloud.provider.set_duration(600)
    job_id = cloud.request()
    stop_at(cloud, 10, job_id)

    sweep_report = sweep_for(cloud, 60)

    run = cloud.inspect(job_id)
    assert run.status == "ABORTED"
    assert sweep_report["closed"] == sweep_report["recovered"] == {job_id}
    assert run.event_names == ["JobSubmitted", "JobFailed", "JobRecovered"]
    assert run.job.code == "canceled"
    assert len(run.job.assets) == 1
    assert cloud.asset(f"{run.job.prefix}/manifest.json")
    assert run.job.sweep_after is None


def test_job_stopped_before_the_submit_response_is_recovered(cloud: Cloud) -> None:
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout))
    cloud.provider.list_delay = timedelta(seconds=100)
    job_id = cloud.request()
    stop_at(cloud, 20, job_id)

    sweep_report = sweep_for(cloud, 30)

    run = cloud.inspect(job_id)
    assert run.states == [*DEFER * 2]
    assert sweep_report["closed"] == sweep_report["recovered"] == {job_id}
    assert run.job.code == "submission_unknown"
    assert len(run.job.assets) == 1
    assert len(run.posts) == 1


def test_recovery_polls_eight_times_within_eight_days(
    cloud: Cloud,
) -> None:
    cloud.provider.script_polls(status_response("processing"))
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)
    before = cloud.provider.poll_count

    hours = 0
    while cloud.job(job_id).sweep_after is not None and hours < 24 * 8:
        cloud.clock.now += timedelta(hours=1)
        cloud.sweep()
        hours += 1

    run = cloud.inspect(job_id)
    assert run.job.sweep_after is None
    assert 24 < hours < 24 * 8
    assert cloud.provider.poll_count - before == 8
    assert run.event_names == ["JobSubmitted", "JobFailed"]


@pytest.mark.parametrize("response", [failed("broke"), status_response("deleted")])
def test_failed_prediction_is_not_polled_again(cloud: Cloud, response: httpx.Response) -> None:
    cloud.provider.script_polls(status_response("processing"))
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)
    cloud.provider.script_polls(response)

    sweep_for(cloud, 5)

    run = cloud.inspect(job_id)
    assert (run.job.code, run.job.sweep_after) == ("deadline_exceeded", None)
    assert run.event_names == ["JobSubmitted", "JobFailed"]


def test_job_that_raises_does_not_block_other_recoveries(cloud: Cloud) -> None:
    """One job raises in each sweep; the sweep still processes the jobs after it."""
    cloud.provider.script_polls(status_response("processing"))
    first = cloud.request({**REQUEST, "deadline_seconds": 60}, event_id="event-1")
    second = cloud.request({**REQUEST, "deadline_seconds": 60}, event_id="event-2")
    cloud.machine.run_pending()
    for job_id in (first, second):
        cloud.deliver_end_event(job_id)

    def poll_response(request: httpx.Request) -> httpx.Response:
        (polled,) = [m for m in cloud.provider.predictions if m.prediction_id in request.url.path]
        if polled == cloud.provider.predictions[0]:
            raise RuntimeError("unexpected")
        return completed()

    cloud.provider.script_polls(poll_response)

    sweep_for(cloud, 10)

    assert cloud.inspect(second).event_names[-1] == "JobRecovered"


def test_next_sweep_publishes_the_recovery_of_a_crashed_one(cloud: Cloud) -> None:
    cloud.provider.set_duration(200)
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})

    def crash() -> None:
        raise KilledError

    run_once_at(cloud, "Sweep: before PutEvents", crash)
    cloud.clock.schedule(70, lambda: cloud.deliver_end_event(job_id))

    sweep_for(cloud, 30)

    run = cloud.inspect(job_id)
    assert run.event_names == ["JobSubmitted", "JobFailed", "JobRecovered"]
    assert run.job.sweep_after is None


@pytest.mark.parametrize("response", [html(502), httpx.ReadTimeout])
def test_unavailable_provider_is_polled_again_later(cloud: Cloud, response: httpx.Response) -> None:
    cloud.provider.script_polls(response)
    job_id = cloud.request()
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)
    cloud.provider.script_polls(response, completed())

    sweep_report = sweep_for(cloud, 30)

    run = cloud.inspect(job_id)
    assert run.outcome == ("FAILED", "provider_unavailable")
    assert sweep_report["recovered"] == {job_id}
    assert len(run.job.assets) == 1


def test_concurrent_sweeps_recover_a_job_once(cloud: Cloud) -> None:
    cloud.provider.set_duration(300)
    job_id = cloud.request()
    stop_at(cloud, 10, job_id)
    run_once_at(cloud, "Sweep: before PutObject", cloud.sweep)

    sweep_for(cloud, 40)

    run = cloud.inspect(job_id)
    assert len({detail["id"] for name, detail in run.events if name == "JobRecovered"}) == 1
    assert len(run.job.assets) == 1
    objects = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]
    assert objects == 2
