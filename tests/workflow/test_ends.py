"""Executions that are stopped, time out or come twice."""

import pytest

from tests.workflow.cloud import CHECK, FAIL, STRAIGHT, SUBMIT, Cloud
from tests.workflow.provider import PREDICTION, problem, standing
from tests.workflow.test_crashes import SUCCESS, moments


def at_wait(cloud: Cloud, number: int, act: object) -> None:
    """Do something once, while the machine waits for the number-th time."""

    def waited() -> None:
        if len(cloud.clock.waits) == number:
            act()  # type: ignore[operator]

    cloud.clock.on_wait = waited


def test_a_job_whose_execution_is_stopped_is_closed_as_canceled(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))
    job_id = cloud.request()
    at_wait(cloud, 2, lambda: cloud.stop(job_id))
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)

    assert run.status == "ABORTED"
    assert run.states == [*SUBMIT, *CHECK, "Wait"]
    assert run.job.code == "canceled"
    assert run.told == ["JobSubmitted", "JobFailed"]
    assert run.events[-1][1]["prediction_id"] == PREDICTION
    assert run.events[-1][1]["charged"] == "maybe"


def test_a_job_that_is_stopped_before_it_was_sent_costs_nothing(cloud: Cloud) -> None:
    cloud.provider.submits(problem(429))
    job_id = cloud.request()
    at_wait(cloud, 1, lambda: cloud.stop(job_id))
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)

    assert run.status == "ABORTED"
    assert run.states == [*SUBMIT, "Defer"]
    assert run.events[-1][1]["charged"] == "no"


@pytest.mark.parametrize(("index", "when"), moments(SUCCESS))
def test_a_stop_may_come_while_a_function_works(cloud: Cloud, index: int, when: str) -> None:
    job_id = cloud.request()
    moment = len(cloud.lambdas.effects) + 2 * index + (when == "after") + 1

    def stop(_: str) -> None:
        if len(cloud.lambdas.effects) == moment:
            cloud.lambdas.on_effect = lambda _: None
            cloud.stop(job_id)
            # The rule is quicker than the function, which goes on regardless.
            event = {"id": "end", "detail": {"name": job_id, "status": "ABORTED"}}
            cloud.lambdas.deliver("OnExecutionEndedFunction", event)

    cloud.lambdas.on_effect = stop
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)

    assert run.status == "ABORTED"
    stored = (index, when) in moments(SUCCESS)[15:]
    assert run.job.status == ("completed" if stored else "failed")
    assert run.job.code == (None if stored else "canceled")
    if len(cloud.provider.posts) == 1:
        assert run.job.prediction_id == PREDICTION


def test_an_execution_that_times_out_is_closed_as_too_late(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))
    cloud.machine.time_out_after(60)

    run = cloud.run()

    assert run.status == "TIMED_OUT"
    assert run.job.code == "deadline_exceeded"
    assert run.told == ["JobSubmitted", "JobFailed"]


def test_a_second_execution_of_a_finished_job_sends_nothing(cloud: Cloud) -> None:
    job_id = cloud.run().job.job_id

    cloud.start(job_id, name="again")
    cloud.machine.run_pending()

    assert len(cloud.provider.posts) == 1
    again = cloud._execution("again")
    assert again["status"] == "SUCCEEDED"


@pytest.mark.parametrize("moment", ["Submit: after POST", "Submit: after PutEvents"])
def test_a_second_execution_beside_the_first_sends_nothing(cloud: Cloud, moment: str) -> None:
    job_id = cloud.request()

    def start_again(effect: str) -> None:
        if effect == moment:
            cloud.lambdas.on_effect = lambda _: None
            cloud.start(job_id, name="again")
            cloud.machine.run_pending()

    cloud.lambdas.on_effect = start_again
    cloud.machine.run_pending()

    run = cloud.look(job_id)

    assert len(cloud.provider.posts) == 1
    assert run.job.prediction_id == PREDICTION
    if moment == "Submit: after PutEvents":
        assert run.end == ("SUCCEEDED", None)
        assert run.states == [*SUBMIT, *CHECK, "Done"]
    else:
        # The second found the job between its POST and the answer, and could not know.
        assert run.end == ("FAILED", "submission_unknown")
        assert run.states == [*SUBMIT, *FAIL]


def test_the_same_event_twice_is_one_job(cloud: Cloud) -> None:
    assert cloud.request() == cloud.request()
    cloud.machine.run_pending()

    job_id = cloud.request()
    cloud.machine.run_pending()

    run = cloud.look(job_id)
    assert run.states == STRAIGHT
    assert run.told == ["JobSubmitted", "JobCompleted"]
    assert len(cloud.provider.posts) == 1


def test_an_ended_execution_that_is_told_twice_ends_the_job_once(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))
    cloud.machine.time_out_after(60)
    job_id = cloud.run().job.job_id

    cloud.end(job_id)

    assert cloud._events(job_id) == []
