"""The submits flag: submits stop within seconds without a deployment; other steps continue."""

import pytest

from tests.workflow.actions import finish
from tests.workflow.clock import START
from tests.workflow.cloud import CHECK, DEFER, FAIL, FINALIZE, SUBMIT, SUCCESS_PATH, Cloud


def test_jobs_wait_while_submits_are_off(
    cloud: Cloud,
) -> None:
    cloud.set_submits("off")
    job_id = cloud.request()
    cloud.clock.schedule(100, lambda: cloud.set_submits("on"))

    run = finish(cloud, job_id)

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 3, *SUCCESS_PATH]
    assert cloud.clock.waits[:3] == [45, 45, 45]
    assert [
        (prediction.created_at - START).total_seconds() for prediction in cloud.provider.predictions
    ] == [135]


def test_submitted_job_completes_while_submits_are_off(cloud: Cloud) -> None:
    cloud.provider.set_duration(60)
    job_id = cloud.request()
    cloud.clock.schedule(1, lambda: cloud.set_submits("off"))

    run = finish(cloud, job_id)

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * run.job.checks, *FINALIZE, "Done"]


@pytest.mark.parametrize("seconds", [1, 9])
def test_flag_takes_effect_within_seconds(cloud: Cloud, seconds: int) -> None:
    """Flags are cached for ten seconds."""
    cloud.request(event_id="event-1")
    cloud.clock.schedule(seconds, lambda: cloud.set_submits("off"))
    cloud.clock.schedule(11, lambda: cloud.request(event_id="event-2"))
    cloud.clock.schedule(100, lambda: cloud.set_submits("on"))

    cloud.machine.run_pending()

    assert cloud.provider.predictions[0].created_at == START
    assert (cloud.provider.predictions[1].created_at - START).total_seconds() > 100


def test_job_can_be_canceled_while_submits_are_off(cloud: Cloud) -> None:
    cloud.set_submits("off")
    job_id = cloud.request()
    cloud.clock.schedule(50, lambda: cloud.cancel(job_id))

    run = finish(cloud, job_id)

    assert run.outcome == ("FAILED", "canceled")
    assert run.states == [*DEFER * 2, *SUBMIT, *FAIL]
    assert run.posts == []


def test_job_fails_after_the_maximum_queue_time(cloud: Cloud) -> None:
    cloud.set_submits("off")

    run = cloud.run()

    assert run.job.status == "failed"
    assert run.posts == []
    assert run.events[-1][1]["charged"] == "no"
    assert 3600 < sum(cloud.clock.waits) < 3605
