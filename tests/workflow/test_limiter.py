"""Rate limit: submit times and waits of many concurrent jobs."""

from itertools import pairwise

import pytest

from tests.workflow.clock import START
from tests.workflow.cloud import DEFER, REQUEST, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.invariants import Run
from tests.workflow.provider import Accepted
from tests.workflow.responses import error_response

# Seconds per image at two images per minute, with the margin that the limiter adds.
INTERVAL = 61.5 / 2


@pytest.fixture
def limited_cloud(cloud: Cloud) -> Cloud:
    """Return the deployment with 2 images per minute and 2 jobs in flight."""
    cloud.configure(IMAGES_PER_MINUTE="2", JOBS_IN_FLIGHT="2")
    cloud.provider.set_duration(35)
    return cloud


def request(cloud: Cloud, *names: str, **fields: object) -> list[str]:
    return [cloud.request({**REQUEST, **fields}, event_id=name) for name in names]


def finish(cloud: Cloud, ids: list[str]) -> list[Run]:
    cloud.machine.run_pending()
    return [cloud.inspect(job_id) for job_id in ids]


def creation_times(cloud: Cloud) -> list[float]:
    """Return the creation time of each prediction, in seconds from the start."""
    return [
        (prediction.created_at - START).total_seconds() for prediction in cloud.provider.predictions
    ]


def test_each_job_waits_once_for_its_slot(limited_cloud: Cloud) -> None:
    ids = request(limited_cloud, *"abcde")

    runs = finish(limited_cloud, ids)

    assert creation_times(limited_cloud) == pytest.approx(
        [0, *(n * INTERVAL - 0.5 for n in range(1, 5))]
    )
    assert [post.job_id for post in limited_cloud.provider.posts] == ids  # first come, first served
    assert [run.states.count("WaitForSlot") for run in runs] == [0, 1, 1, 1, 1]
    assert [run.states[:3] for run in runs[1:]] == [DEFER] * 4
    assert all(0 < seconds <= 1 for seconds in limited_cloud.clock.sleeps)
    assert {run.outcome for run in runs} == {("SUCCEEDED", None)}


def test_submits_per_minute_never_exceed_the_rate_limit(cloud: Cloud) -> None:
    cloud.configure(IMAGES_PER_MINUTE="6", JOBS_IN_FLIGHT="100")
    cloud.provider.set_duration(20)
    ids = request(cloud, *(str(number) for number in range(14)))

    runs = finish(cloud, ids)

    times = creation_times(cloud)
    assert len(times) == 14
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[6:], strict=False))
    assert max(run.states.count("WaitForSlot") for run in runs) == 1


def test_jobs_in_flight_never_exceed_the_limit(cloud: Cloud) -> None:
    """While all in-flight slots stay occupied, the next job checks again at growing intervals."""
    cloud.configure(IMAGES_PER_MINUTE="60", JOBS_IN_FLIGHT="1")
    cloud.provider.set_duration(100)
    ids = request(cloud, *"abc")

    runs = finish(cloud, ids)

    assert all(later - earlier >= 100 for earlier, later in pairwise(creation_times(cloud)))
    assert [run.outcome for run in runs] == [("SUCCEEDED", None)] * 3
    assert max(run.states.count("WaitForSlot") for run in runs) <= 20


def test_low_priority_waits_for_normal_priority(limited_cloud: Cloud) -> None:
    low_priority = request(limited_cloud, "b1", "b2", "b3", priority="low")
    limited_cloud.clock.schedule(5, lambda: request(limited_cloud, "i1", "i2"))

    finish(limited_cloud, low_priority)

    priorities = [limited_cloud.job(post.job_id).priority for post in limited_cloud.provider.posts]
    assert priorities == ["low", "normal", "normal", "low", "low"]


def test_callers_share_the_queue_fairly(limited_cloud: Cloud) -> None:
    """A caller with many jobs does not delay a caller with one job."""
    request(limited_cloud, "a1", "a2", "a3")
    body = {**REQUEST, "quality": "medium"}
    limited_cloud.clock.schedule(1, lambda: limited_cloud.call("POST", "/v1/jobs", body=body))

    limited_cloud.machine.run_pending()

    callers = [limited_cloud.job(post.job_id).caller for post in limited_cloud.provider.posts]
    assert callers == ["events", "events", "key:owner", "events"]


def test_canceled_job_frees_its_slot_for_the_next_job(limited_cloud: Cloud) -> None:
    ids = request(limited_cloud, *"abc")
    limited_cloud.clock.schedule(10, lambda: limited_cloud.cancel(ids[1]))

    limited_cloud.machine.run_pending()

    assert [post.job_id for post in limited_cloud.provider.posts] == [ids[0], ids[2]]
    assert limited_cloud.job(ids[1]).code == "canceled"
    assert limited_cloud.inspect(ids[2]).states.count("WaitForSlot") == 1


def test_cancel_of_the_last_job_does_not_affect_the_others(limited_cloud: Cloud) -> None:
    ids = request(limited_cloud, *"abc")
    limited_cloud.clock.schedule(10, lambda: limited_cloud.cancel(ids[2]))

    limited_cloud.machine.run_pending()

    assert [post.job_id for post in limited_cloud.provider.posts] == ids[:2]


def test_throttled_job_keeps_its_queue_position(limited_cloud: Cloud) -> None:
    limited_cloud.provider.script_submits(error_response(429, retry_after="90"), Accepted())
    ids = request(limited_cloud, *"abc")

    runs = finish(limited_cloud, ids)

    assert [post.job_id for post in limited_cloud.provider.posts] == [ids[0], *ids]
    assert creation_times(limited_cloud)[0] == pytest.approx(90, abs=1)
    assert all(later - earlier >= 30 for earlier, later in pairwise(creation_times(limited_cloud)))
    assert {run.outcome for run in runs} == {("SUCCEEDED", None)}


def test_job_that_queues_too_long_fails_without_a_submit(limited_cloud: Cloud) -> None:
    limited_cloud.configure(IMAGES_PER_MINUTE="1", JOBS_IN_FLIGHT="1", MAX_QUEUE_SECONDS="100")
    ids = request(limited_cloud, *"abcd")

    runs = finish(limited_cloud, ids)

    ends = [run.outcome for run in runs]
    assert ends[:2] == [("SUCCEEDED", None)] * 2
    assert ends[2:] == [("FAILED", "provider_unavailable")] * 2
    assert [len(run.posts) for run in runs] == [1, 1, 0, 0]
    assert runs[3].events[-1][1]["charged"] == "no"
    assert runs[3].job.ended_at is not None
    assert 100 < (runs[3].job.ended_at - START).total_seconds() < 105


def test_job_does_not_wait_in_an_empty_queue(limited_cloud: Cloud) -> None:
    (first,) = request(limited_cloud, "a")
    later: list[str] = []
    limited_cloud.clock.schedule(120, lambda: later.extend(request(limited_cloud, "b")))

    finish(limited_cloud, [first])

    assert creation_times(limited_cloud) == [0, 120]
    assert limited_cloud.inspect(later[0]).states[:2] == SUBMIT
    assert "WaitForSlot" not in limited_cloud.inspect(later[0]).states
    assert SUCCESS_PATH[-1] == limited_cloud.inspect(later[0]).states[-1]
