"""Jobs that ask for the very same, with answers lost: no prediction has two owners."""

from datetime import timedelta

import httpx
import pytest

from tests.workflow.answers import PREDICTION
from tests.workflow.cloud import REQUEST, Cloud
from tests.workflow.provider import Taken
from tests.workflow.scenes import once


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_of_those_who_asked_for_the_same_each_takes_one(cloud: Cloud, lost: int) -> None:
    """Three the same: as many predictions as there are find as many owners, and none has two."""
    cloud.provider.submits(*[Taken(httpx.ReadTimeout)] * lost, Taken())
    cloud.provider.lag = timedelta(seconds=20)
    ids = [cloud.request(event_id=f"event-{number}") for number in range(3)]

    cloud.machine.run_pending()

    runs = [cloud.look(job_id) for job_id in ids]
    assert [run.end for run in runs] == [("SUCCEEDED", None)] * 3
    assert {run.job.prediction_id for run in runs} == {
        made.prediction_id for made in cloud.provider.made
    }
    assert [len(run.posts) for run in runs] == [1, 1, 1]


def test_of_two_the_same_one_is_unlucky_if_one_was_not_taken(cloud: Cloud) -> None:
    cloud.provider.submits(Taken(httpx.ReadTimeout), httpx.ReadTimeout)
    ids = [cloud.request(event_id=f"event-{number}") for number in range(2)]

    cloud.machine.run_pending()

    runs = [cloud.look(job_id) for job_id in ids]
    assert sorted(run.status for run in runs) == ["FAILED", "SUCCEEDED"]
    assert {run.job.prediction_id for run in runs} == {PREDICTION, None}


def test_who_is_quicker_may_take_what_was_made_for_another(cloud: Cloud) -> None:
    """Two the same: the first looks, having no answer, before the second could record its own."""
    cloud.provider.submits(httpx.ReadTimeout, Taken())
    first = cloud.request(event_id="event-1")
    cloud.clock.at(2, lambda: cloud.request(event_id="event-2"))

    def look() -> None:
        cloud.start(first, name="again")
        cloud.machine.run_pending()

    once(cloud, "Submit: after POST", look, nth=2)
    cloud.machine.run_pending()

    quick, slow = [cloud.look(post.job_id) for post in cloud.provider.posts]
    assert (quick.job.job_id, quick.job.prediction_id) == (first, PREDICTION)
    assert quick.job.status == "completed"
    assert slow.end == ("FAILED", "submission_unknown")
    assert slow.job.prediction_id is None


def test_another_ones_prediction_is_not_taken(cloud: Cloud) -> None:
    """The same model at the same time, but other words."""
    cloud.provider.submits(Taken(httpx.ReadTimeout), httpx.ReadTimeout)
    mine = cloud.request(event_id="event-1")
    other = cloud.request({**REQUEST, "prompt": "A kite"}, event_id="event-2")

    cloud.machine.run_pending()

    assert cloud.look(mine).end == ("SUCCEEDED", None)
    assert cloud.look(other).end == ("FAILED", "submission_unknown")
