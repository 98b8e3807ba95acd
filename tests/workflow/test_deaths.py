"""The sandbox dies at each moment around each change that a handler makes, and never again."""

import pytest

from tests.workflow.cloud import Cloud
from tests.workflow.scenarios import DOOR, SCENARIOS, Scenario
from tests.workflow.scenes import Moment, at_change, changes, finish, kill_at, moments, sweep_for


def at_each_moment(*names: str, since: int = 0) -> pytest.MarkDecorator:
    """Run a test for each moment of these scenarios, from a change on."""
    cases = [
        pytest.param(SCENARIOS[name], moment, id=f"{name}-{moment[0]}-{moment[1]}")
        for name in names
        for moment in moments(SCENARIOS[name].changes)
        if moment[0] >= since
    ]
    return pytest.mark.parametrize(("scenario", "moment"), cases)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_the_lists_of_changes_are_complete(cloud: Cloud, scenario: Scenario) -> None:
    scenario.arrange(cloud)
    before = len(cloud.lambdas.effects)

    run = finish(cloud, cloud.request())

    assert changes(cloud, before) == scenario.changes
    assert run.job.status == scenario.status


@at_each_moment(*SCENARIOS)
def test_a_job_survives_a_death_at_any_moment(
    cloud: Cloud, scenario: Scenario, moment: Moment
) -> None:
    scenario.arrange(cloud)
    kill_at(cloud, moment)

    run = finish(cloud, cloud.request())

    if scenario.is_doubtful(*moment):
        assert run.end == ("FAILED", "submission_unknown")
    else:
        assert run.job.status == scenario.status
    assert (run.job.sweep_after is None) == (run.job.code != "submission_unknown")


@at_each_moment("straight", "listens", "told of", since=len(DOOR))
def test_a_stop_may_come_at_any_moment(cloud: Cloud, scenario: Scenario, moment: Moment) -> None:
    """The rule on ended executions is quicker than the function, which goes on regardless."""
    scenario.arrange(cloud)

    def stop() -> None:
        (job,) = cloud.jobs()
        cloud.stop(job.job_id)
        event = {"id": "end", "detail": {"name": job.job_id, "status": "ABORTED"}}
        cloud.lambdas.deliver("OnExecutionEndedFunction", event)

    at_change(cloud, moment, stop)
    job_id = cloud.request()
    sweep_for(cloud, 20)

    run = cloud.look(job_id)

    assert run.status == "ABORTED"
    assert run.job.status == "completed" or run.job.code == "canceled"
    # What is paid for is known, and is kept.
    if any(post.made for post in run.posts):
        assert run.job.prediction_id is not None
        assert len(run.job.assets) == 1
        assert run.job.sweep_after is None
