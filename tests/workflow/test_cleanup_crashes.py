"""Crashes of the cleanup functions: OnExecutionEnded and Sweep."""

from collections.abc import Callable

import boto3
import pytest

from tests.workflow.actions import (
    CrashPoint,
    changes,
    crash_points,
    kill_at,
    run_once_at,
    sweep_for,
)
from tests.workflow.cloud import REQUEST, Cloud
from tests.workflow.deployment import BUCKET, STACK
from tests.workflow.machine import FunctionError
from tests.workflow.responses import status_response

_END = ["TransactWriteItems", "PutEvents", "UpdateItem"]


def _not_started(cloud: Cloud) -> str:
    """Create a job whose execution was not started because the API function crashed."""
    kill_at(cloud, (1, "before"))
    with pytest.raises(FunctionError):
        cloud.call("POST", "/v1/jobs", body=REQUEST)
    (job,) = cloud.jobs()
    return job.job_id


def _stopped(cloud: Cloud) -> str:
    """Create a deferred job and stop its execution."""
    cloud.set_submits("off")
    job_id = cloud.request()
    cloud.clock.schedule(1, lambda: cloud.stop(job_id))
    cloud.machine.run_pending()
    return job_id


def _given_up(cloud: Cloud) -> str:
    """Create a job that exceeded its deadline and whose prediction is completed now."""
    cloud.provider.set_duration(70)
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    cloud.machine.run_pending()
    return job_id


SWEEPS: dict[str, tuple[Callable[[Cloud], str], list[str]]] = {
    "restarts": (_not_started, ["StartExecution", "UpdateItem"]),
    "closes": (_stopped, _END),
    "recovers": (_given_up, ["PutObject", "PutObject", "UpdateItem", "PutEvents", "UpdateItem"]),
}
CRASH_POINTS = [
    pytest.param(name, crash_point, id=f"{name}-{crash_point[0]}-{crash_point[1]}")
    for name, (_, expected_changes) in SWEEPS.items()
    for crash_point in crash_points(expected_changes)
]


@pytest.mark.parametrize("name", SWEEPS)
def test_sweep_lists_all_changes(cloud: Cloud, name: str) -> None:
    arrange, expected_changes = SWEEPS[name]
    arrange(cloud)
    before = len(cloud.lambdas.effects)

    sweep_for(cloud, 12)

    sweep_changes = [change for change in changes(cloud, before) if change.startswith("Sweep")]
    assert sweep_changes == [f"Sweep: {change}" for change in expected_changes]


@pytest.mark.parametrize(("name", "crash_point"), CRASH_POINTS)
def test_next_sweep_finishes_a_crashed_one(
    cloud: Cloud, name: str, crash_point: CrashPoint
) -> None:
    job_id = SWEEPS[name][0](cloud)
    if name == "restarts":
        cloud.provider.set_duration(10)
    kill_at(cloud, crash_point)

    sweep_for(cloud, 40)
    cloud.deliver_end_event(job_id)

    run = cloud.inspect(job_id)
    assert run.job.sweep_after is None
    assert run.job.status == ("completed" if name == "restarts" else "failed")
    assert ("JobRecovered" in run.event_names) == (name == "recovers")
    assert len(run.posts) == (0 if name == "closes" else 1)
    object_count = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]
    assert object_count == (0 if name == "closes" else 2)


@pytest.mark.parametrize("crash_point", crash_points(_END), ids=str)
def test_on_execution_ended_is_retried_after_a_crash(cloud: Cloud, crash_point: CrashPoint) -> None:
    cloud.provider.script_polls(status_response("processing"))
    cloud.machine.time_out_after(60)
    job_id = cloud.request()
    cloud.machine.run_pending()
    kill_at(cloud, crash_point)

    cloud.deliver_end_event(job_id)

    run = cloud.inspect(job_id)
    assert run.status == "TIMED_OUT"
    assert run.job.code == "deadline_exceeded"


def test_submitted_job_completes_without_readable_flags(cloud: Cloud) -> None:
    """The flags become unreadable while the provider takes long to accept the submit."""
    job_id = cloud.request()

    def delete_flags() -> None:
        cloud.clock.sleep(10)
        names = [f"/{STACK}/switches/{name}" for name in ("submits", "webhooks")]
        boto3.client("ssm").delete_parameters(Names=names)

    run_once_at(cloud, "Submit: after POST", delete_flags)
    cloud.machine.run_pending()
    cloud.deliver_end_event(job_id)

    run = cloud.inspect(job_id)
    assert run.outcome == ("SUCCEEDED", None)
