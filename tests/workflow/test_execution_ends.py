"""Executions that are stopped, time out, run twice, or are started again after their end."""

import pytest

from tests.workflow.actions import finish, run_at_wait, run_once_at
from tests.workflow.cloud import CHECK, DEFER, FAIL, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.responses import PREDICTION, error_response, failed, html, status_response


def test_stopped_execution_ends_the_job_as_canceled(cloud: Cloud) -> None:
    cloud.provider.script_polls(status_response("processing"))
    job_id = cloud.request()
    run_at_wait(cloud, 2, lambda: cloud.stop(job_id))

    run = finish(cloud, job_id)

    assert run.status == "ABORTED"
    assert run.states == [*SUBMIT, *CHECK, "WaitBeforeCheck"]
    assert run.job.code == "canceled"
    assert run.event_names == ["JobSubmitted", "JobFailed"]
    assert run.events[-1][1]["prediction_id"] == PREDICTION
    assert run.events[-1][1]["charged"] == "maybe"


def test_job_stopped_before_its_submit_is_not_charged(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(429))
    job_id = cloud.request()
    run_at_wait(cloud, 1, lambda: cloud.stop(job_id))

    run = finish(cloud, job_id)

    assert run.status == "ABORTED"
    assert run.states == DEFER
    assert run.events[-1][1]["charged"] == "no"


def test_timed_out_execution_ends_the_job_with_deadline_exceeded(cloud: Cloud) -> None:
    cloud.provider.script_polls(status_response("processing"))
    cloud.machine.time_out_after(60)

    run = cloud.run()

    assert run.status == "TIMED_OUT"
    assert run.job.code == "deadline_exceeded"
    assert run.event_names == ["JobSubmitted", "JobFailed"]


def test_repeated_end_event_ends_the_job_once(cloud: Cloud) -> None:
    cloud.provider.script_polls(status_response("processing"))
    cloud.machine.time_out_after(60)
    run = cloud.run()

    cloud.deliver_end_event(run.job.job_id)

    assert cloud.events(run.job.job_id) == run.events


def test_second_execution_of_an_ended_job_submits_nothing(cloud: Cloud) -> None:
    job_id = cloud.run().job.job_id

    cloud.start(job_id, name="again")
    cloud.machine.run_pending()

    assert len(cloud.provider.posts) == 1
    assert cloud.execution("again")["status"] == "SUCCEEDED"


@pytest.mark.parametrize("point", ["Submit: after POST", "Submit: after PutEvents"])
def test_concurrent_execution_submits_nothing(cloud: Cloud, point: str) -> None:
    job_id = cloud.request()

    def start_again() -> None:
        cloud.start(job_id, name="again")
        cloud.machine.run_pending()

    run_once_at(cloud, point, start_again)
    cloud.machine.run_pending()

    run = cloud.inspect(job_id)

    assert len(run.posts) == 1
    assert run.job.prediction_id == PREDICTION
    # The second execution found the listed prediction between the POST and its response.
    assert run.outcome == ("SUCCEEDED", None)
    assert cloud.execution("again")["status"] == "SUCCEEDED"


def test_repeated_request_event_creates_one_job(cloud: Cloud) -> None:
    assert cloud.request() == cloud.request()
    cloud.machine.run_pending()

    job_id = cloud.request()
    cloud.machine.run_pending()

    run = cloud.inspect(job_id)
    assert run.states == SUCCESS_PATH
    assert run.event_names == ["JobSubmitted", "JobCompleted"]
    assert len(run.posts) == 1


def stop_in(cloud: Cloud, state: str, job_id: str) -> None:
    """Schedule a stop of the execution in a state, or while its function runs."""
    points = {"Submit": "POST", "Check": "TransactWriteItems", "Finalize": "UpdateItem"}
    if state in points:
        run_once_at(cloud, f"{state}: before {points[state]}", lambda: cloud.stop(job_id))
    else:
        cloud.clock.schedule(1, lambda: cloud.stop(job_id))


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize(
    "state", ["Submit", "WaitForSlot", "WaitBeforeCheck", "WaitForWebhook", "Check", "Finalize"]
)
def test_redrive_of_a_stopped_execution_does_not_submit_again(
    cloud: Cloud, state: str, is_closed: bool
) -> None:
    """The redrive continues in the stopped state; OnExecutionEnded may have closed the job."""
    if state == "WaitForWebhook":
        cloud.enable_webhooks()
    if state == "WaitForSlot":
        cloud.set_submits("off")
    job_id = cloud.request()
    stop_in(cloud, state, job_id)
    cloud.machine.run_pending()
    if is_closed:
        cloud.deliver_end_event(job_id)
    posts = len(cloud.provider.posts)
    cloud.set_submits("on")

    arn = cloud.redrive(job_id)
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)

    run = cloud.inspect(job_id)
    assert run.status == "ABORTED"
    assert len(run.posts) == (0 if state == "WaitForSlot" and is_closed else 1)
    assert posts == (0 if state == "WaitForSlot" else 1)
    redriven = cloud.history(arn)
    assert redriven[-1]["type"] in ("ExecutionSucceeded", "ExecutionFailed")
    # A running function continues after the stop.
    is_canceled = is_closed and state != "Finalize"
    assert run.job.code == ("canceled" if is_canceled else None)


@pytest.mark.parametrize("response", [failed("broke"), html(502)])
def test_redrive_of_a_failed_execution_changes_nothing(cloud: Cloud, response: object) -> None:
    """On AWS, the redrive runs the state Failed again; a new execution finds an ended job."""
    cloud.provider.script_polls(response)  # type: ignore[arg-type]
    run = cloud.run()
    cloud.provider.script_polls(status_response("processing"))

    arn = cloud.redrive(run.job.job_id)
    cloud.start(run.job.job_id, name="again")
    cloud.machine.run_pending()

    assert cloud.history(arn)[-1]["type"] == "ExecutionFailed"
    assert cloud.execution("again")["error"] == run.error
    assert cloud.job(run.job.job_id) == run.job
    assert len(cloud.provider.posts) == 1
    assert run.states[-2:] == FAIL
