"""Polling by Check: failures, deadlines and unreadable responses."""

from datetime import timedelta

import httpx
import pytest

from darkroom.domain.polling import MAX_UNREADABLE
from tests.workflow import responses
from tests.workflow.cloud import CHECK, FAIL, FINALIZE, REQUEST, SUBMIT, Cloud
from tests.workflow.invariants import PROMPT
from tests.workflow.responses import completed, error_response, failed, html, status_response


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (failed("the model broke"), "provider_failed"),
        (failed(f"content policy: {PROMPT}"), "moderated"),
        (failed("refused", code=1200), "moderated"),
        (failed("could not fetch the image", code=1402), "invalid_request"),
        (status_response("cancelled"), "provider_failed"),
        (status_response("completed"), "provider_failed"),
    ],
)
def test_failed_prediction_ends_the_job_with_its_code(
    cloud: Cloud, response: httpx.Response, code: str
) -> None:
    cloud.provider.script_polls(status_response("processing"), response)

    run = cloud.run()

    assert run.outcome == ("FAILED", code)
    assert run.states == [*SUBMIT, *CHECK * 2, *FAIL]
    assert run.statuses == ["queued", "submitting", "submitted", "failed"]
    assert run.event_names == ["JobSubmitted", "JobFailed"]
    assert run.events[-1][1]["code"] == run.job.code == code


@pytest.mark.parametrize("status", ["processing", "dreaming", ""])
def test_unfinished_prediction_fails_at_the_deadline(cloud: Cloud, status: str) -> None:
    cloud.provider.script_polls(status_response(status))

    run = cloud.run({**REQUEST, "deadline_seconds": 120})

    assert run.outcome == ("FAILED", "deadline_exceeded")
    assert run.states == [*SUBMIT, *CHECK * run.job.checks, *FAIL]
    assert run.job.submitted_at is not None
    assert run.job.ended_at == run.job.submitted_at + timedelta(seconds=120)
    assert run.event_names == ["JobSubmitted", "JobFailed"]


def test_default_deadline_needs_at_most_40_polls(cloud: Cloud) -> None:
    cloud.provider.script_polls(status_response("processing"))

    run = cloud.run()

    assert run.outcome == ("FAILED", "deadline_exceeded")
    assert sum(cloud.clock.waits) == 900
    assert run.job.checks <= 40


def test_unknown_status_is_polled_until_it_completes(cloud: Cloud) -> None:
    cloud.provider.script_polls(
        status_response("dreaming"), status_response("dreaming"), completed()
    )

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * 3, *FINALIZE, "Done"]


@pytest.mark.parametrize(
    "response",
    [
        html(502),
        error_response(429, retry_after="1"),
        error_response(404, "no such prediction"),
        httpx.ReadTimeout,
        httpx.ConnectError,
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"code": 200, "data": []}),
    ],
)
def test_unreadable_polls_are_retried(cloud: Cloud, response: responses.ScriptedResponse) -> None:
    cloud.provider.script_polls(*[response] * (MAX_UNREADABLE - 1), completed())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * MAX_UNREADABLE, *FINALIZE, "Done"]


def test_too_many_consecutive_unreadable_polls_fail_the_job(cloud: Cloud) -> None:
    cloud.provider.script_polls(html(502))

    run = cloud.run()

    assert run.outcome == ("FAILED", "provider_unavailable")
    assert run.states == [*SUBMIT, *CHECK * MAX_UNREADABLE, *FAIL]
    assert run.events[-1][1]["charged"] == "maybe"


def test_only_consecutive_unreadable_polls_are_counted(cloud: Cloud) -> None:
    unreadable = [html(502)] * (MAX_UNREADABLE - 1)
    cloud.provider.script_polls(
        *unreadable, status_response("processing"), *unreadable, completed()
    )

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)


def test_key_refused_while_polling_fails_as_unauthorized(cloud: Cloud) -> None:
    cloud.provider.script_polls(error_response(401))

    run = cloud.run()

    assert run.outcome == ("FAILED", "unauthorized")
