"""Those who come last may die as well: the rule on ended executions, and the sweep."""

from collections.abc import Callable

import boto3
import pytest

from tests.workflow.answers import standing
from tests.workflow.cloud import REQUEST, Cloud
from tests.workflow.deployment import BUCKET, STACK
from tests.workflow.machine import FunctionError
from tests.workflow.scenes import Moment, changes, kill_at, moments, once, sweep_for

_END = ["TransactWriteItems", "PutEvents", "UpdateItem"]


def _not_started(cloud: Cloud) -> str:
    """A record that the door could not start, because it died."""
    kill_at(cloud, (1, "before"))
    with pytest.raises(FunctionError):
        cloud.call("POST", "/v1/jobs", body=REQUEST)
    (job,) = cloud.jobs()
    return job.job_id


def _stopped(cloud: Cloud) -> str:
    """One that was put off, and whose execution was stopped then."""
    cloud.submits("off")
    job_id = cloud.request()
    cloud.clock.at(1, lambda: cloud.stop(job_id))
    cloud.machine.run_pending()
    return job_id


def _given_up(cloud: Cloud) -> str:
    """One that took too long, and is ready now."""
    cloud.provider.takes(70)
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    cloud.machine.run_pending()
    return job_id


SWEEPS: dict[str, tuple[Callable[[Cloud], str], list[str]]] = {
    "restarts": (_not_started, ["StartExecution", "UpdateItem"]),
    "closes": (_stopped, _END),
    "recovers": (_given_up, ["PutObject", "PutObject", "UpdateItem", "PutEvents", "UpdateItem"]),
}
DEATHS = [
    pytest.param(name, moment, id=f"{name}-{moment[0]}-{moment[1]}")
    for name, (_, made) in SWEEPS.items()
    for moment in moments(made)
]


@pytest.mark.parametrize("name", SWEEPS)
def test_the_lists_of_what_a_sweep_changes_are_complete(cloud: Cloud, name: str) -> None:
    arrange, made = SWEEPS[name]
    arrange(cloud)
    before = len(cloud.lambdas.effects)

    sweep_for(cloud, 12)

    ours = [each for each in changes(cloud, before) if each.startswith("Sweep")]
    assert ours == [f"Sweep: {change}" for change in made]


@pytest.mark.parametrize(("name", "moment"), DEATHS)
def test_what_a_sweep_did_not_finish_the_next_one_does(
    cloud: Cloud, name: str, moment: Moment
) -> None:
    job_id = SWEEPS[name][0](cloud)
    if name == "restarts":
        cloud.provider.takes(10)
    kill_at(cloud, moment)

    sweep_for(cloud, 40)
    cloud.end(job_id)

    run = cloud.look(job_id)
    assert run.job.sweep_after is None
    assert run.job.status == ("completed" if name == "restarts" else "failed")
    assert ("JobRecovered" in run.told) == (name == "recovers")
    assert len(run.posts) == (0 if name == "closes" else 1)
    pictures = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]
    assert pictures == (0 if name == "closes" else 2)


@pytest.mark.parametrize("moment", moments(_END), ids=str)
def test_the_rule_on_ended_executions_is_tried_again(cloud: Cloud, moment: Moment) -> None:
    cloud.provider.checks(standing("processing"))
    cloud.machine.time_out_after(60)
    job_id = cloud.request()
    cloud.machine.run_pending()
    kill_at(cloud, moment)

    cloud.end(job_id)

    run = cloud.look(job_id)
    assert run.status == "TIMED_OUT"
    assert run.job.code == "deadline_exceeded"


def test_what_is_paid_for_does_not_depend_on_the_switches(cloud: Cloud) -> None:
    """They cannot be read, just when the provider has taken long to answer that it took the job."""
    job_id = cloud.request()

    def lose() -> None:
        cloud.clock.sleep(10)
        names = [f"/{STACK}/switches/{name}" for name in ("submits", "webhooks")]
        boto3.client("ssm").delete_parameters(Names=names)

    once(cloud, "Submit: after POST", lose)
    cloud.machine.run_pending()
    cloud.end(job_id)

    run = cloud.look(job_id)
    assert run.end == ("SUCCEEDED", None)
