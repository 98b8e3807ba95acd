"""A submit without a usable response is searched at the provider, and not repeated blindly."""

from datetime import timedelta

import httpx
import pytest

from darkroom.usecases.jobs import submit_job
from tests.workflow.actions import finish, run_once_at, stop_at, sweep_for
from tests.workflow.cloud import DEFER, FAIL, SUBMIT, SUCCESS_PATH, WEBHOOK_PATH, Cloud
from tests.workflow.provider import Accepted
from tests.workflow.responses import PREDICTION, Response, ScriptedResponse, error_response, html

AMBIGUOUS_RESPONSES: list[Response] = [
    httpx.ReadTimeout,
    httpx.ReadError,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    html(500),
    html(502),
    error_response(503, retry_after="1"),
    html(504),
    error_response(408),
    httpx.Response(200, text="<html>"),
    httpx.Response(200, json={"code": 200, "data": {}}),
]
# Searched every 15 s, for two minutes, or for ten minutes if the list cannot be read.
SEARCHES, LONG_SEARCHES = 8, 40


@pytest.mark.parametrize("response", AMBIGUOUS_RESPONSES)
def test_listed_prediction_is_claimed(cloud: Cloud, response: Response) -> None:
    cloud.provider.script_submits(Accepted(response), Accepted())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == SUCCESS_PATH
    assert run.event_names == ["JobSubmitted", "JobCompleted"]
    assert run.job.prediction_id == PREDICTION
    assert len(run.posts) == 1


@pytest.mark.parametrize("response", AMBIGUOUS_RESPONSES)
def test_unlisted_submit_fails_and_is_not_repeated(cloud: Cloud, response: Response) -> None:
    cloud.provider.script_submits(response, Accepted())

    run = cloud.run()

    assert run.outcome == ("FAILED", "submission_unknown")
    assert run.states == [*DEFER * SEARCHES, *SUBMIT, *FAIL]
    assert cloud.clock.waits == [15] * SEARCHES
    assert len(run.posts) == 1
    assert run.events[-1][1]["charged"] == "maybe"
    assert run.events[-1][1]["retryable"] is False


def test_delayed_list_is_searched_again(cloud: Cloud) -> None:
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout))
    cloud.provider.list_delay = timedelta(seconds=50)

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 4, *SUCCESS_PATH]
    assert run.job.submitted_at is not None
    assert len(run.posts) == 1


@pytest.mark.parametrize("response", [html(502), httpx.ReadTimeout, httpx.Response(200, json={})])
def test_unreadable_list_prevents_a_resubmit(cloud: Cloud, response: ScriptedResponse) -> None:
    cloud.configure(AMBIGUOUS_SUBMIT="resubmit")
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout), Accepted())
    cloud.provider.script_lists(response)

    run = cloud.run()

    assert run.outcome == ("FAILED", "submission_unknown")
    assert run.states == [*DEFER * LONG_SEARCHES, *SUBMIT, *FAIL]
    assert len(run.posts) == 1


def test_resubmit_setting_repeats_the_submit(cloud: Cloud) -> None:
    cloud.configure(AMBIGUOUS_SUBMIT="resubmit")
    cloud.may_pay_twice = True
    cloud.provider.script_submits(httpx.ReadTimeout, Accepted())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*DEFER * (SEARCHES + 1), *SUCCESS_PATH]
    assert run.statuses == [
        "queued",
        "submitting",
        "queued",
        "submitting",
        "submitted",
        "completed",
    ]
    assert len(run.posts) == 2
    assert len(cloud.provider.predictions) == 1


def test_resubmits_are_limited(cloud: Cloud) -> None:
    cloud.configure(AMBIGUOUS_SUBMIT="resubmit")
    cloud.may_pay_twice = True
    cloud.provider.script_submits(httpx.ReadTimeout)

    run = cloud.run()

    assert run.outcome == ("FAILED", "submission_unknown")
    assert len(run.posts) == submit_job._MAX_SUBMITS


@pytest.mark.parametrize("ambiguous_submit", ["fail", "resubmit"])
@pytest.mark.parametrize("seconds", [1, 40])
def test_webhook_recovers_the_prediction_before_the_list(
    cloud: Cloud, seconds: int, ambiguous_submit: str
) -> None:
    """The webhook URL has the token of the POST, so the webhook belongs to this job."""
    cloud.configure(AMBIGUOUS_SUBMIT=ambiguous_submit)
    cloud.enable_webhooks()
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout), Accepted())
    cloud.provider.script_lists(html(502))
    job_id = cloud.request()
    statuses: list[int] = []
    cloud.clock.schedule(seconds, lambda: statuses.append(cloud.deliver_webhook()))

    run = finish(cloud, job_id)

    assert statuses == [204]
    assert run.outcome == ("SUCCEEDED", None)
    assert run.job.prediction_id == PREDICTION
    assert run.event_names == ["JobSubmitted", "JobCompleted"]
    assert len(run.posts) == 1
    assert run.states[-4:] == WEBHOOK_PATH[-4:]


def test_webhook_before_the_submit_response(cloud: Cloud) -> None:
    cloud.enable_webhooks()
    job_id = cloud.request()
    run_once_at(cloud, "Submit: after POST", cloud.deliver_webhook)

    run = finish(cloud, job_id)

    assert run.outcome == ("SUCCEEDED", None)
    # The webhook arrived before the wait; the condition of WaitForWebhook detects it.
    assert run.states == WEBHOOK_PATH
    assert cloud.clock.waits == []


def test_prediction_found_after_failure_is_stored(cloud: Cloud) -> None:
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout))
    cloud.provider.list_delay = timedelta(minutes=4)
    job_id = cloud.request()
    cloud.clock.schedule(180, lambda: cloud.deliver_end_event(job_id))
    sweep_report = sweep_for(cloud, 30)

    run = cloud.inspect(job_id)

    assert run.outcome == ("FAILED", "submission_unknown")
    assert run.states == [*DEFER * SEARCHES, *SUBMIT, *FAIL]
    assert sweep_report["recovered"] == {job_id}
    assert run.event_names == ["JobFailed", "JobRecovered"]
    assert run.job.prediction_id == PREDICTION
    assert len(run.job.assets) == 1
    assert run.job.status == "failed"
    assert len(run.posts) == 1


def test_webhook_during_the_end_of_the_job_is_recorded(cloud: Cloud) -> None:
    """The job ends after OnWebhook has read it and before OnWebhook records the prediction."""
    cloud.enable_webhooks()
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout))
    cloud.provider.script_lists(html(502))
    job_id = cloud.request()
    stop_at(cloud, 4, job_id)
    cloud.clock.schedule(5, cloud.deliver_webhook)
    run_once_at(
        cloud, "OnWebhook: before TransactWriteItems", lambda: cloud.deliver_end_event(job_id)
    )

    sweep_for(cloud, 30)

    run = cloud.inspect(job_id)
    assert run.job.prediction_id == PREDICTION
    assert len(run.job.assets) == 1


def test_webhook_of_a_failed_job_stores_its_output_in_the_next_sweep(cloud: Cloud) -> None:
    cloud.enable_webhooks()
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout))
    cloud.provider.script_lists(httpx.Response(200, json={"code": 200, "data": {"items": []}}))
    job_id = cloud.request()
    cloud.clock.schedule(1000, cloud.deliver_webhook)
    sweep_report = sweep_for(cloud, 30)

    run = cloud.inspect(job_id)

    assert run.outcome == ("FAILED", "submission_unknown")
    assert sweep_report["recovered"] == {job_id}
    recovered = run.events[-1]
    assert recovered[0] == "JobRecovered"
    assert recovered[1]["timings"]["stored_at"].startswith("2026-11-22T12:17:00")


def test_recovered_prediction_is_polled_until_it_completes(cloud: Cloud) -> None:
    cloud.enable_webhooks()
    cloud.provider.script_submits(Accepted(httpx.ReadTimeout))
    cloud.provider.set_duration(70)
    cloud.provider.list_delay = timedelta(seconds=10)

    run = cloud.run()

    assert run.states[:4] == [*DEFER, "Submit"]
    assert run.states[4:] == WEBHOOK_PATH[1:]
    assert run.outcome == ("SUCCEEDED", None)
