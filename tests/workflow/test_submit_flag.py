"""The kill switch: submits stop within seconds and without a deployment; all else goes on."""

import pytest

from tests.workflow.cloud import CHECK, DEFER, FAIL, FINALIZE, STRAIGHT, SUBMIT, Cloud
from tests.workflow.scenes import finish
from tests.workflow.timeline import START


def test_nothing_is_sent_while_submits_are_off_and_all_of_it_when_they_are_on(
    cloud: Cloud,
) -> None:
    cloud.submits("off")
    job_id = cloud.request()
    cloud.clock.at(100, lambda: cloud.submits("on"))

    run = finish(cloud, job_id)

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 3, *STRAIGHT]
    assert cloud.clock.waits[:3] == [45, 45, 45]
    assert [(made.at - START).total_seconds() for made in cloud.provider.made] == [135]


def test_what_is_with_the_provider_is_checked_and_filed_meanwhile(cloud: Cloud) -> None:
    cloud.provider.takes(60)
    job_id = cloud.request()
    cloud.clock.at(1, lambda: cloud.submits("off"))

    run = finish(cloud, job_id)

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * run.job.checks, *FINALIZE, "Done"]


@pytest.mark.parametrize("seconds", [1, 4])
def test_it_works_within_seconds(cloud: Cloud, seconds: int) -> None:
    """What was read is remembered for five."""
    cloud.request(event_id="event-1")
    cloud.clock.at(seconds, lambda: cloud.submits("off"))
    cloud.clock.at(6, lambda: cloud.request(event_id="event-2"))
    cloud.clock.at(100, lambda: cloud.submits("on"))

    cloud.machine.run_pending()

    assert cloud.provider.made[0].at == START
    assert (cloud.provider.made[1].at - START).total_seconds() > 100


def test_a_job_can_be_canceled_while_submits_are_off(cloud: Cloud) -> None:
    cloud.submits("off")
    job_id = cloud.request()
    cloud.clock.at(50, lambda: cloud.cancel(job_id))

    run = finish(cloud, job_id)

    assert run.end == ("FAILED", "canceled")
    assert run.states == [*DEFER * 2, *SUBMIT, *FAIL]
    assert run.posts == []


def test_a_job_does_not_wait_for_ever(cloud: Cloud) -> None:
    cloud.submits("off")

    run = cloud.run()

    assert run.job.status == "failed"
    assert run.posts == []
    assert run.events[-1][1]["charged"] == "no"
    assert 3600 < sum(cloud.clock.waits) < 3605
