"""The sandbox crashes once, before or after each write of a handler."""

import pytest

from tests.workflow.actions import (
    CrashPoint,
    changes,
    crash_points,
    finish,
    kill_at,
    run_at_change,
    sweep_for,
)
from tests.workflow.cloud import Cloud
from tests.workflow.scenarios import CREATE_JOB, SCENARIOS, Scenario


def at_each_crash_point(*names: str, since: int = 0) -> pytest.MarkDecorator:
    """Parametrize a test with each crash point of the scenarios, from the change `since` on."""
    cases = [
        pytest.param(SCENARIOS[name], crash_point, id=f"{name}-{crash_point[0]}-{crash_point[1]}")
        for name in names
        for crash_point in crash_points(SCENARIOS[name].changes)
        if crash_point[0] >= since
    ]
    return pytest.mark.parametrize(("scenario", "crash_point"), cases)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario_lists_all_changes(cloud: Cloud, scenario: Scenario) -> None:
    scenario.arrange(cloud)
    before = len(cloud.lambdas.effects)

    run = finish(cloud, cloud.request())

    assert changes(cloud, before) == scenario.changes
    assert run.job.status == scenario.status


@at_each_crash_point(*SCENARIOS)
def test_job_ends_correctly_after_a_crash_at_any_point(
    cloud: Cloud, scenario: Scenario, crash_point: CrashPoint
) -> None:
    scenario.arrange(cloud)
    kill_at(cloud, crash_point)

    run = finish(cloud, cloud.request())

    if scenario.is_ambiguous(*crash_point):
        assert run.outcome == ("FAILED", "submission_unknown")
    else:
        assert run.job.status == scenario.status
    assert (run.job.sweep_after is None) == (run.job.code != "submission_unknown")


@at_each_crash_point("success", "webhook", "webhook before list", since=len(CREATE_JOB))
def test_job_ends_correctly_after_a_stop_at_any_point(
    cloud: Cloud, scenario: Scenario, crash_point: CrashPoint
) -> None:
    """OnExecutionEnded runs before the function, which continues, has ended."""
    scenario.arrange(cloud)

    def stop() -> None:
        (job,) = cloud.jobs()
        cloud.stop(job.job_id)
        event = {"id": "end", "detail": {"name": job.job_id, "status": "ABORTED"}}
        cloud.lambdas.deliver("OnExecutionEndedFunction", event)

    run_at_change(cloud, crash_point, stop)
    job_id = cloud.request()
    sweep_for(cloud, 20)

    run = cloud.inspect(job_id)

    assert run.status == "ABORTED"
    assert run.job.status == "completed" or run.job.code == "canceled"
    # A paid prediction is recorded and its output is stored.
    if any(post.prediction for post in run.posts):
        assert run.job.prediction_id is not None
        assert len(run.job.assets) == 1
        assert run.job.sweep_after is None
