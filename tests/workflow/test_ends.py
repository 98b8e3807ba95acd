"""Executions that are stopped, time out, come twice, or are started again when they have ended."""

import pytest

from tests.workflow.answers import PREDICTION, failed, html, problem, standing
from tests.workflow.cloud import CHECK, DEFER, FAIL, STRAIGHT, SUBMIT, Cloud
from tests.workflow.scenes import at_wait, finish, once


def test_a_job_whose_execution_is_stopped_is_closed_as_canceled(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))
    job_id = cloud.request()
    at_wait(cloud, 2, lambda: cloud.stop(job_id))

    run = finish(cloud, job_id)

    assert run.status == "ABORTED"
    assert run.states == [*SUBMIT, *CHECK, "WaitBeforeCheck"]
    assert run.job.code == "canceled"
    assert run.told == ["JobSubmitted", "JobFailed"]
    assert run.events[-1][1]["prediction_id"] == PREDICTION
    assert run.events[-1][1]["charged"] == "maybe"


def test_a_job_that_is_stopped_before_it_was_sent_costs_nothing(cloud: Cloud) -> None:
    cloud.provider.submits(problem(429))
    job_id = cloud.request()
    at_wait(cloud, 1, lambda: cloud.stop(job_id))

    run = finish(cloud, job_id)

    assert run.status == "ABORTED"
    assert run.states == DEFER
    assert run.events[-1][1]["charged"] == "no"


def test_an_execution_that_times_out_is_closed_as_too_late(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))
    cloud.machine.time_out_after(60)

    run = cloud.run()

    assert run.status == "TIMED_OUT"
    assert run.job.code == "deadline_exceeded"
    assert run.told == ["JobSubmitted", "JobFailed"]


def test_an_ended_execution_that_is_told_twice_ends_the_job_once(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))
    cloud.machine.time_out_after(60)
    run = cloud.run()

    cloud.end(run.job.job_id)

    assert cloud.events(run.job.job_id) == run.events


def test_a_second_execution_of_a_finished_job_sends_nothing(cloud: Cloud) -> None:
    job_id = cloud.run().job.job_id

    cloud.start(job_id, name="again")
    cloud.machine.run_pending()

    assert len(cloud.provider.posts) == 1
    assert cloud.execution("again")["status"] == "SUCCEEDED"


@pytest.mark.parametrize("moment", ["Submit: after POST", "Submit: after PutEvents"])
def test_a_second_execution_beside_the_first_sends_nothing(cloud: Cloud, moment: str) -> None:
    job_id = cloud.request()

    def start_again() -> None:
        cloud.start(job_id, name="again")
        cloud.machine.run_pending()

    once(cloud, moment, start_again)
    cloud.machine.run_pending()

    run = cloud.look(job_id)

    assert len(run.posts) == 1
    assert run.job.prediction_id == PREDICTION
    # Between the POST and its answer, the second found what the provider lists.
    assert run.end == ("SUCCEEDED", None)
    assert cloud.execution("again")["status"] == "SUCCEEDED"


def test_the_same_event_twice_is_one_job(cloud: Cloud) -> None:
    assert cloud.request() == cloud.request()
    cloud.machine.run_pending()

    job_id = cloud.request()
    cloud.machine.run_pending()

    run = cloud.look(job_id)
    assert run.states == STRAIGHT
    assert run.told == ["JobSubmitted", "JobCompleted"]
    assert len(run.posts) == 1


def stop_in(cloud: Cloud, state: str, job_id: str) -> None:
    """Plan to stop the job's execution while it waits, or while a function works."""
    moment = {"Submit": "POST", "Check": "TransactWriteItems", "Finalize": "UpdateItem"}
    if state in moment:
        once(cloud, f"{state}: before {moment[state]}", lambda: cloud.stop(job_id))
    else:
        cloud.clock.at(1, lambda: cloud.stop(job_id))


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize(
    "state", ["Submit", "WaitForSlot", "WaitBeforeCheck", "WaitForWebhook", "Check", "Finalize"]
)
def test_a_redrive_of_what_was_stopped_never_sends_again(
    cloud: Cloud, state: str, closed: bool
) -> None:
    """It goes on in the state in which it was stopped; the rule may have closed the job already."""
    if state == "WaitForWebhook":
        cloud.listen()
    if state == "WaitForSlot":
        cloud.submits("off")
    job_id = cloud.request()
    stop_in(cloud, state, job_id)
    cloud.machine.run_pending()
    if closed:
        cloud.end(job_id)
    posts = len(cloud.provider.posts)
    cloud.submits("on")

    arn = cloud.redrive(job_id)
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)
    assert run.status == "ABORTED"
    assert len(run.posts) == (0 if state == "WaitForSlot" and closed else 1)
    assert posts == (0 if state == "WaitForSlot" else 1)
    redriven = cloud.history(arn)
    assert redriven[-1]["type"] in ("ExecutionSucceeded", "ExecutionFailed")
    # A function that has begun goes on regardless.
    is_late = closed and state != "Finalize"
    assert run.job.code == ("canceled" if is_late else None)


@pytest.mark.parametrize("answer", [failed("broke"), html(502)])
def test_a_redrive_of_what_failed_changes_nothing(cloud: Cloud, answer: object) -> None:
    """On AWS it runs the state Failed again, and fails again; a new start finds the job ended."""
    cloud.provider.checks(answer)  # type: ignore[arg-type]
    run = cloud.run()
    cloud.provider.checks(standing("processing"))

    arn = cloud.redrive(run.job.job_id)
    cloud.start(run.job.job_id, name="again")
    cloud.machine.run_pending()

    assert cloud.history(arn)[-1]["type"] == "ExecutionFailed"
    assert cloud.execution("again")["error"] == run.error
    assert cloud.job(run.job.job_id) == run.job
    assert len(cloud.provider.posts) == 1
    assert run.states[-2:] == FAIL
