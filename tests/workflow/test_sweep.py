"""Nothing stays open: what no execution brings to its end, the sweep does."""

from datetime import timedelta
from itertools import repeat

import pytest

from tests.workflow.answers import failed, problem, standing
from tests.workflow.cloud import REQUEST, STRAIGHT, Cloud
from tests.workflow.lambdas import Fault, KilledError
from tests.workflow.machine import FunctionError
from tests.workflow.scenes import once, stop_at, sweep_for
from tests.workflow.timeline import START


def test_a_job_that_was_recorded_and_not_started_is_started(cloud: Cloud) -> None:
    def die() -> None:
        raise KilledError

    once(cloud, "Api: before StartExecution", die)
    with pytest.raises(FunctionError):
        cloud.call("POST", "/v1/jobs", body=REQUEST)
    (job,) = cloud.jobs()

    done = sweep_for(cloud, 5)

    run = cloud.look(job.job_id)
    assert done["restarted"] == {job.job_id}
    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    assert run.job.submitted_at == START + timedelta(minutes=2)


def test_a_job_that_is_on_its_way_is_left_alone(cloud: Cloud) -> None:
    cloud.provider.takes(1500)
    job_id = cloud.request({**REQUEST, "deadline_seconds": 1800})

    done = sweep_for(cloud, 40)

    run = cloud.look(job_id)
    assert run.end == ("SUCCEEDED", None)
    assert set(done) <= {"left"}
    assert len(run.posts) == 1


@pytest.mark.parametrize("seconds", [1, 500])
def test_a_job_that_is_stopped_in_the_line_is_closed_and_costs_nothing(
    cloud: Cloud, seconds: int
) -> None:
    cloud.configure(DAILY_BUDGET_USD="1")
    cloud.submits("off")
    job_id = cloud.request()
    stop_at(cloud, seconds, job_id)

    done = sweep_for(cloud, 30)

    run = cloud.look(job_id)
    assert run.status == "ABORTED"
    assert done["closed"] == {job_id}
    assert run.job.code == "canceled"
    assert run.told == ["JobFailed"]
    assert run.events[0][1]["charged"] == "no"


@pytest.mark.parametrize("limit", [61, 400])
def test_a_job_whose_execution_timed_out_is_closed_as_too_late(cloud: Cloud, limit: int) -> None:
    cloud.provider.checks(standing("processing"))
    cloud.machine.time_out_after(limit)
    job_id = cloud.request()

    done = sweep_for(cloud, 40)

    run = cloud.look(job_id)
    assert run.status == "TIMED_OUT"
    assert done["closed"] == {job_id}
    assert run.job.code == "deadline_exceeded"


def test_a_failure_that_nobody_could_record_is_closed(cloud: Cloud) -> None:
    cloud.lambdas.faults("FailFunction", repeat(Fault.CRASH_BEFORE))
    cloud.provider.checks(failed("the model broke"))
    job_id = cloud.request()

    done = sweep_for(cloud, 40)

    run = cloud.look(job_id)
    assert run.end == ("FAILED", "provider_failed")
    assert done["closed"] == {job_id}
    assert run.job.status == "failed"


def test_an_end_that_was_recorded_and_not_told_is_told(cloud: Cloud) -> None:
    cloud.provider.submits(problem(400, "bad"))

    def die() -> None:
        raise KilledError

    once(cloud, "Fail: before PutEvents", die)
    cloud.lambdas.faults("FailFunction", [None, *repeat(Fault.CRASH_BEFORE, 100)])
    job_id = cloud.request()

    sweep_for(cloud, 10)

    run = cloud.look(job_id)
    assert run.told == ["JobFailed"]
    assert run.job.published_at is not None
    assert run.job.sweep_after is None


def test_an_execution_by_hand_for_no_job_disturbs_nobody(cloud: Cloud) -> None:
    cloud.start("nobody", name="nobody")
    cloud.machine.run_pending()

    assert cloud.execution("nobody")["error"] == "internal_error"
    assert cloud.sweep() == {}


def test_many_at_once_are_all_looked_at(cloud: Cloud) -> None:
    cloud.submits("off")
    ids = {cloud.request(event_id=f"event-{number}") for number in range(60)}
    for number, job_id in enumerate(sorted(ids)):
        stop_at(cloud, 1 + number / 1000, job_id)

    done = sweep_for(cloud, 20)

    assert done["closed"] == ids
    assert {cloud.job(job_id).status for job_id in ids} == {"failed"}
