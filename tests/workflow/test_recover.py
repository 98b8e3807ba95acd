"""What was given up is looked for all the same: paid for means kept."""

from datetime import timedelta

import boto3
import httpx
import pytest

from tests.workflow.answers import completed, failed, html, standing
from tests.workflow.cloud import DEFER, REQUEST, Cloud
from tests.workflow.deployment import BUCKET
from tests.workflow.lambdas import KilledError
from tests.workflow.provider import Taken
from tests.workflow.scenes import once, stop_at, sweep_for


def test_a_job_that_is_stopped_while_it_is_with_the_provider_is_closed_and_filed(
    cloud: Cloud,
) -> None:
    cloud.provider.takes(600)
    job_id = cloud.request()
    stop_at(cloud, 10, job_id)

    done = sweep_for(cloud, 60)

    run = cloud.look(job_id)
    assert run.status == "ABORTED"
    assert done["closed"] == done["recovered"] == {job_id}
    assert run.told == ["JobSubmitted", "JobFailed", "JobRecovered"]
    assert run.job.code == "canceled"
    assert len(run.job.assets) == 1
    assert cloud.asset(f"{run.job.prefix}/manifest.json")
    assert run.job.sweep_after is None


def test_a_job_that_is_stopped_between_its_post_and_the_answer_is_found(cloud: Cloud) -> None:
    cloud.provider.submits(Taken(httpx.ReadTimeout))
    cloud.provider.lag = timedelta(seconds=100)
    job_id = cloud.request()
    stop_at(cloud, 20, job_id)

    done = sweep_for(cloud, 30)

    run = cloud.look(job_id)
    assert run.states == [*DEFER * 2]
    assert done["closed"] == done["recovered"] == {job_id}
    assert run.job.code == "submission_unknown"
    assert len(run.job.assets) == 1
    assert len(run.posts) == 1


def test_a_result_that_never_comes_is_looked_for_ever_more_seldom_and_not_for_ever(
    cloud: Cloud,
) -> None:
    cloud.provider.checks(standing("processing"))
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    cloud.machine.run_pending()
    cloud.end(job_id)
    before = cloud.provider.gets

    hours = 0
    while cloud.job(job_id).sweep_after is not None and hours < 24 * 8:
        cloud.clock.now += timedelta(hours=1)
        cloud.sweep()
        hours += 1

    run = cloud.look(job_id)
    assert run.job.sweep_after is None
    assert 24 < hours < 24 * 8
    assert cloud.provider.gets - before == 8
    assert run.told == ["JobSubmitted", "JobFailed"]


@pytest.mark.parametrize("answer", [failed("broke"), standing("deleted")])
def test_one_that_was_given_up_and_broke_is_not_looked_at_again(
    cloud: Cloud, answer: httpx.Response
) -> None:
    cloud.provider.checks(standing("processing"))
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})
    cloud.machine.run_pending()
    cloud.end(job_id)
    cloud.provider.checks(answer)

    sweep_for(cloud, 5)

    run = cloud.look(job_id)
    assert (run.job.code, run.job.sweep_after) == ("deadline_exceeded", None)
    assert run.told == ["JobSubmitted", "JobFailed"]


def test_one_that_cannot_be_filed_stands_in_nobodys_way(cloud: Cloud) -> None:
    """Something of one job breaks each sweep: those behind it are looked at all the same."""
    cloud.provider.checks(standing("processing"))
    first = cloud.request({**REQUEST, "deadline_seconds": 60}, event_id="event-1")
    second = cloud.request({**REQUEST, "deadline_seconds": 60}, event_id="event-2")
    cloud.machine.run_pending()
    for job_id in (first, second):
        cloud.end(job_id)

    def broken(request: httpx.Request) -> httpx.Response:
        (poison,) = [m for m in cloud.provider.made if m.prediction_id in request.url.path]
        if poison == cloud.provider.made[0]:
            raise RuntimeError("nobody has thought of this")
        return completed()

    cloud.provider.checks(broken)

    sweep_for(cloud, 10)

    assert cloud.look(second).told[-1] == "JobRecovered"


def test_what_was_filed_by_a_sweep_that_died_is_told_by_the_next(cloud: Cloud) -> None:
    cloud.provider.takes(200)
    job_id = cloud.request({**REQUEST, "deadline_seconds": 60})

    def die() -> None:
        raise KilledError

    once(cloud, "Sweep: before PutEvents", die)
    cloud.clock.at(70, lambda: cloud.end(job_id))

    sweep_for(cloud, 30)

    run = cloud.look(job_id)
    assert run.told == ["JobSubmitted", "JobFailed", "JobRecovered"]
    assert run.job.sweep_after is None


@pytest.mark.parametrize("answer", [html(502), httpx.ReadTimeout])
def test_a_provider_that_is_away_is_asked_again_later(cloud: Cloud, answer: httpx.Response) -> None:
    cloud.provider.checks(answer)
    job_id = cloud.request()
    cloud.machine.run_pending()
    cloud.end(job_id)
    cloud.provider.checks(answer, completed())

    done = sweep_for(cloud, 30)

    run = cloud.look(job_id)
    assert run.end == ("FAILED", "provider_unavailable")
    assert done["recovered"] == {job_id}
    assert len(run.job.assets) == 1


def test_two_sweeps_at_once_do_each_thing_once(cloud: Cloud) -> None:
    cloud.provider.takes(300)
    job_id = cloud.request()
    stop_at(cloud, 10, job_id)
    once(cloud, "Sweep: before PutObject", cloud.sweep)

    sweep_for(cloud, 40)

    run = cloud.look(job_id)
    assert len({detail["id"] for name, detail in run.events if name == "JobRecovered"}) == 1
    assert len(run.job.assets) == 1
    objects = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]
    assert objects == 2
