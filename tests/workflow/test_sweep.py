"""Sweep ends or restarts jobs whose execution did not end them."""

from datetime import timedelta
from itertools import repeat

import pytest

from tests.workflow.actions import run_once_at, stop_at, sweep_for
from tests.workflow.clock import START
from tests.workflow.cloud import REQUEST, SUCCESS_PATH, Cloud
from tests.workflow.lambdas import Fault, KilledError
from tests.workflow.machine import FunctionError
from tests.workflow.responses import error_response, failed, status_response


def test_job_without_an_execution_is_started(cloud: Cloud) -> None:
    def crash() -> None:
        raise KilledError

    run_once_at(cloud, "Api: before StartExecution", crash)
    with pytest.raises(FunctionError):
        cloud.call("POST", "/v1/jobs", body=REQUEST)
    (job,) = cloud.jobs()

    sweep_report = sweep_for(cloud, 5)

    run = cloud.inspect(job.job_id)
    assert sweep_report["restarted"] == {job.job_id}
    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == SUCCESS_PATH
    assert run.job.submitted_at == START + timedelta(minutes=2)


def test_running_job_is_not_changed(cloud: Cloud) -> None:
    cloud.provider.set_duration(1500)
    job_id = cloud.request({**REQUEST, "deadline_seconds": 1800})

    sweep_report = sweep_for(cloud, 40)

    run = cloud.inspect(job_id)
    assert run.outcome == ("SUCCEEDED", None)
    assert set(sweep_report) <= {"left"}
    assert len(run.posts) == 1


@pytest.mark.parametrize("seconds", [1, 500])
def test_stopped_queued_job_is_closed_without_a_charge(cloud: Cloud, seconds: int) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.set_submits("off")
    job_id = cloud.request()
    stop_at(cloud, seconds, job_id)

    sweep_report = sweep_for(cloud, 30)

    run = cloud.inspect(job_id)
    assert run.status == "ABORTED"
    assert sweep_report["closed"] == {job_id}
    assert run.job.code == "canceled"
    assert run.event_names == ["JobFailed"]
    assert run.events[0][1]["charged"] == "no"


@pytest.mark.parametrize("limit", [61, 400])
def test_timed_out_job_is_closed_with_deadline_exceeded(cloud: Cloud, limit: int) -> None:
    cloud.provider.script_polls(status_response("processing"))
    cloud.machine.time_out_after(limit)
    job_id = cloud.request()

    sweep_report = sweep_for(cloud, 40)

    run = cloud.inspect(job_id)
    assert run.status == "TIMED_OUT"
    assert sweep_report["closed"] == {job_id}
    assert run.job.code == "deadline_exceeded"


def test_unrecorded_failure_is_closed(cloud: Cloud) -> None:
    cloud.lambdas.faults("FailFunction", repeat(Fault.CRASH_BEFORE))
    cloud.provider.script_polls(failed("the model broke"))
    job_id = cloud.request()

    sweep_report = sweep_for(cloud, 40)

    run = cloud.inspect(job_id)
    assert run.outcome == ("FAILED", "provider_failed")
    assert sweep_report["closed"] == {job_id}
    assert run.job.status == "failed"


def test_unpublished_end_is_published(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(400, "bad"))

    def crash() -> None:
        raise KilledError

    run_once_at(cloud, "Fail: before PutEvents", crash)
    cloud.lambdas.faults("FailFunction", [None, *repeat(Fault.CRASH_BEFORE, 100)])
    job_id = cloud.request()

    sweep_for(cloud, 10)

    run = cloud.inspect(job_id)
    assert run.event_names == ["JobFailed"]
    assert run.job.published_at is not None
    assert run.job.sweep_after is None


def test_execution_without_a_job_is_ignored(cloud: Cloud) -> None:
    cloud.start("missing", name="missing")
    cloud.machine.run_pending()

    assert cloud.execution("missing")["error"] == "internal_error"
    assert cloud.sweep() == {}


def test_sixty_stopped_jobs_are_all_closed(cloud: Cloud) -> None:
    cloud.set_submits("off")
    ids = {cloud.request(event_id=f"event-{number}") for number in range(60)}
    for number, job_id in enumerate(sorted(ids)):
        stop_at(cloud, 1 + number / 1000, job_id)

    sweep_report = sweep_for(cloud, 20)

    assert sweep_report["closed"] == ids
    assert {cloud.job(job_id).status for job_id in ids} == {"failed"}
