"""Jobs with identical requests and lost responses: no prediction has two owners."""

from datetime import timedelta

import httpx
import pytest

from tests.workflow.actions import run_once_at
from tests.workflow.cloud import REQUEST, Cloud
from tests.workflow.provider import Accepted
from tests.workflow.responses import PREDICTION


@pytest.mark.parametrize("lost_responses", [1, 2, 3])
def test_identical_jobs_claim_different_predictions(cloud: Cloud, lost_responses: int) -> None:
    """Each of three predictions is claimed by exactly one of three identical jobs."""
    cloud.provider.script_submits(*[Accepted(httpx.ReadTimeout)] * lost_responses, Accepted())
    cloud.provider.list_delay = timedelta(seconds=20)
    ids = [cloud.request(event_id=f"event-{number}") for number in range(3)]

    cloud.machine.run_pending()

    runs = [cloud.inspect(job_id) for job_id in ids]
    assert [run.outcome for run in runs] == [("SUCCEEDED", None)] * 3
    assert {run.job.prediction_id for run in runs} == {
        prediction.prediction_id for prediction in cloud.provider.predictions
    }
    assert [len(run.posts) for run in runs] == [1, 1, 1]


def test_one_of_two_identical_jobs_fails_if_one_submit_was_not_accepted(cloud: Cloud) -> None:
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout), httpx.ReadTimeout)
    ids = [cloud.request(event_id=f"event-{number}") for number in range(2)]

    cloud.machine.run_pending()

    runs = [cloud.inspect(job_id) for job_id in ids]
    assert sorted(run.status for run in runs) == ["FAILED", "SUCCEEDED"]
    assert {run.job.prediction_id for run in runs} == {PREDICTION, None}


def test_identical_job_can_claim_the_prediction_of_another(cloud: Cloud) -> None:
    """The first job searches before the second identical job has recorded its own prediction."""
    cloud.provider.script_submits(httpx.ReadTimeout, Accepted())
    first = cloud.request(event_id="event-1")
    cloud.clock.schedule(2, lambda: cloud.request(event_id="event-2"))

    def run_second_execution() -> None:
        cloud.start(first, name="again")
        cloud.machine.run_pending()

    run_once_at(cloud, "Submit: after POST", run_second_execution, nth=2)
    cloud.machine.run_pending()

    claiming, failed = [cloud.inspect(post.job_id) for post in cloud.provider.posts]
    assert (claiming.job.job_id, claiming.job.prediction_id) == (first, PREDICTION)
    assert claiming.job.status == "completed"
    assert failed.outcome == ("FAILED", "submission_unknown")
    assert failed.job.prediction_id is None


def test_prediction_with_a_different_prompt_is_not_claimed(cloud: Cloud) -> None:
    """Two jobs with the same model at the same time, but different prompts."""
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout), httpx.ReadTimeout)
    first = cloud.request(event_id="event-1")
    other = cloud.request({**REQUEST, "prompt": "A kite"}, event_id="event-2")

    cloud.machine.run_pending()

    assert cloud.inspect(first).outcome == ("SUCCEEDED", None)
    assert cloud.inspect(other).outcome == ("FAILED", "submission_unknown")
