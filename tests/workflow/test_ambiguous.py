"""A POST of which nobody knows what became: it is looked for, and never repeated blindly."""

from datetime import timedelta

import httpx
import pytest

from darkroom.usecases import submit_job
from tests.workflow.answers import PREDICTION, Answer, Reply, html, problem
from tests.workflow.cloud import CHECK, DEFER, FAIL, FINALIZE, STRAIGHT, SUBMIT, Cloud
from tests.workflow.provider import Taken
from tests.workflow.scenes import finish, once, stop_at, sweep_for

LOST: list[Reply] = [
    httpx.ReadTimeout,
    httpx.ReadError,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    html(500),
    html(502),
    problem(503, retry_after="1"),
    html(504),
    problem(408),
    httpx.Response(200, text="<html>"),
    httpx.Response(200, json={"code": 200, "data": {}}),
]
# Looked for every 15 seconds, for two minutes; for ten if the list cannot be read.
LOOKS, LONG_LOOKS = 8, 40


@pytest.mark.parametrize("answer", LOST)
def test_what_the_provider_lists_is_adopted(cloud: Cloud, answer: Reply) -> None:
    cloud.provider.submits(Taken(answer), Taken())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    assert run.told == ["JobSubmitted", "JobCompleted"]
    assert run.job.prediction_id == PREDICTION
    assert len(run.posts) == 1


@pytest.mark.parametrize("answer", LOST)
def test_what_is_listed_nowhere_is_not_sent_again(cloud: Cloud, answer: Reply) -> None:
    cloud.provider.submits(answer, Taken())

    run = cloud.run()

    assert run.end == ("FAILED", "submission_unknown")
    assert run.states == [*DEFER * LOOKS, *SUBMIT, *FAIL]
    assert cloud.clock.waits == [15] * LOOKS
    assert len(run.posts) == 1
    assert run.events[-1][1]["charged"] == "maybe"
    assert run.events[-1][1]["retryable"] is False


def test_a_list_that_lags_is_looked_at_again(cloud: Cloud) -> None:
    cloud.provider.submits(Taken(httpx.ReadTimeout))
    cloud.provider.lag = timedelta(seconds=50)

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 4, *STRAIGHT]
    assert run.job.submitted_at is not None
    assert len(run.posts) == 1


@pytest.mark.parametrize("answer", [html(502), httpx.ReadTimeout, httpx.Response(200, json={})])
def test_a_list_that_cannot_be_read_proves_nothing(cloud: Cloud, answer: Answer) -> None:
    cloud.configure(AMBIGUOUS_SUBMIT="resubmit")
    cloud.provider.submits(Taken(httpx.ReadTimeout), Taken())
    cloud.provider.lists(answer)

    run = cloud.run()

    assert run.end == ("FAILED", "submission_unknown")
    assert run.states == [*DEFER * LONG_LOOKS, *SUBMIT, *FAIL]
    assert len(run.posts) == 1


def test_the_owner_may_have_it_sent_again(cloud: Cloud) -> None:
    cloud.configure(AMBIGUOUS_SUBMIT="resubmit")
    cloud.may_pay_twice = True
    cloud.provider.submits(httpx.ReadTimeout, Taken())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFER * (LOOKS + 1), *STRAIGHT]
    assert run.statuses == [
        "queued",
        "submitting",
        "queued",
        "submitting",
        "submitted",
        "completed",
    ]
    assert len(run.posts) == 2
    assert len(cloud.provider.made) == 1


def test_it_is_sent_again_only_so_often(cloud: Cloud) -> None:
    cloud.configure(AMBIGUOUS_SUBMIT="resubmit")
    cloud.may_pay_twice = True
    cloud.provider.submits(httpx.ReadTimeout)

    run = cloud.run()

    assert run.end == ("FAILED", "submission_unknown")
    assert len(run.posts) == submit_job._MAX_SUBMITS


@pytest.mark.parametrize("resubmits", ["fail", "resubmit"])
@pytest.mark.parametrize("seconds", [1, 40])
def test_its_webhook_may_tell_of_it_first(cloud: Cloud, seconds: int, resubmits: str) -> None:
    """The URL has the token of this very POST, so it can be no other job's."""
    cloud.configure(AMBIGUOUS_SUBMIT=resubmits)
    cloud.listen()
    cloud.provider.submits(Taken(httpx.ReadTimeout), Taken())
    cloud.provider.lists(html(502))
    job_id = cloud.request()
    told: list[int] = []
    cloud.clock.at(seconds, lambda: told.append(cloud.call_back()))

    run = finish(cloud, job_id)

    assert told == [204]
    assert run.end == ("SUCCEEDED", None)
    assert run.job.prediction_id == PREDICTION
    assert run.told == ["JobSubmitted", "JobCompleted"]
    assert len(run.posts) == 1
    assert run.states[-4:] == ["CheckResult", *FINALIZE, "Done"]


def test_a_webhook_may_come_while_the_answer_is_still_awaited(cloud: Cloud) -> None:
    cloud.listen()
    job_id = cloud.request()
    once(cloud, "Submit: after POST", cloud.call_back)

    run = finish(cloud, job_id)

    assert run.end == ("SUCCEEDED", None)
    # It was not told of while nothing listened: the condition of Listen is what knows.
    assert run.states == [*SUBMIT, "WaitForWebhook", "Check", "CheckResult", *FINALIZE, "Done"]
    assert cloud.clock.waits == []


def test_what_comes_after_it_was_given_up_is_filed_all_the_same(cloud: Cloud) -> None:
    cloud.provider.submits(Taken(httpx.ReadTimeout))
    cloud.provider.lag = timedelta(minutes=4)
    job_id = cloud.request()
    cloud.clock.at(180, lambda: cloud.end(job_id))
    done = sweep_for(cloud, 30)

    run = cloud.look(job_id)

    assert run.end == ("FAILED", "submission_unknown")
    assert run.states == [*DEFER * LOOKS, *SUBMIT, *FAIL]
    assert done["recovered"] == {job_id}
    assert run.told == ["JobFailed", "JobRecovered"]
    assert run.job.prediction_id == PREDICTION
    assert len(run.job.assets) == 1
    assert run.job.status == "failed"
    assert len(run.posts) == 1


def test_a_webhook_that_meets_the_end_of_its_job_is_not_lost(cloud: Cloud) -> None:
    """The job is closed between its being read and its being given the prediction."""
    cloud.listen()
    cloud.provider.submits(Taken(httpx.ReadTimeout))
    cloud.provider.lists(html(502))
    job_id = cloud.request()
    stop_at(cloud, 4, job_id)
    cloud.clock.at(5, cloud.call_back)
    once(cloud, "OnWebhook: before TransactWriteItems", lambda: cloud.end(job_id))

    sweep_for(cloud, 30)

    run = cloud.look(job_id)
    assert run.job.prediction_id == PREDICTION
    assert len(run.job.assets) == 1


def test_the_webhook_of_a_job_that_was_given_up_has_it_filed_at_once(cloud: Cloud) -> None:
    cloud.listen()
    cloud.provider.submits(Taken(httpx.ReadTimeout))
    cloud.provider.lists(httpx.Response(200, json={"code": 200, "data": {"items": []}}))
    job_id = cloud.request()
    cloud.clock.at(1000, cloud.call_back)
    done = sweep_for(cloud, 30)

    run = cloud.look(job_id)

    assert run.end == ("FAILED", "submission_unknown")
    assert done["recovered"] == {job_id}
    recovered = run.events[-1]
    assert recovered[0] == "JobRecovered"
    assert recovered[1]["timings"]["stored_at"].startswith("2026-11-22T12:17:00")


def test_a_prediction_that_is_found_is_checked_like_any_other(cloud: Cloud) -> None:
    cloud.listen()
    cloud.provider.submits(Taken(httpx.ReadTimeout))
    cloud.provider.takes(70)
    cloud.provider.lag = timedelta(seconds=10)

    run = cloud.run()

    assert run.states[:4] == [*DEFER, "Submit"]
    assert run.states[4:] == [*SUBMIT[1:], *["WaitForWebhook", *CHECK[1:]], *FINALIZE, "Done"]
    assert run.end == ("SUCCEEDED", None)
