from datetime import timedelta

import httpx
import pytest

from darkroom.domain.polling import MAX_UNREADABLE
from tests.workflow import answers
from tests.workflow.answers import completed, failed, html, problem, standing
from tests.workflow.cloud import CHECK, FAIL, FINALIZE, REQUEST, SUBMIT, Cloud
from tests.workflow.invariants import PROMPT


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (failed("the model broke"), "provider_failed"),
        (failed(f"content policy: {PROMPT}"), "moderated"),
        (failed("refused", code=1200), "moderated"),
        (failed("could not fetch the image", code=1402), "invalid_request"),
        (standing("cancelled"), "provider_failed"),
        (standing("completed"), "provider_failed"),
    ],
)
def test_a_failed_prediction_ends_the_job_with_its_code(
    cloud: Cloud, answer: httpx.Response, code: str
) -> None:
    cloud.provider.checks(standing("processing"), answer)

    run = cloud.run()

    assert run.end == ("FAILED", code)
    assert run.states == [*SUBMIT, *CHECK * 2, *FAIL]
    assert run.statuses == ["queued", "submitting", "submitted", "failed"]
    assert run.told == ["JobSubmitted", "JobFailed"]
    assert run.events[-1][1]["code"] == run.job.code == code


@pytest.mark.parametrize("status", ["processing", "dreaming", ""])
def test_a_prediction_that_does_not_end_is_given_up_at_the_deadline(
    cloud: Cloud, status: str
) -> None:
    cloud.provider.checks(standing(status))

    run = cloud.run({**REQUEST, "deadline_seconds": 120})

    assert run.end == ("FAILED", "deadline_exceeded")
    assert run.states == [*SUBMIT, *CHECK * run.job.checks, *FAIL]
    assert run.job.submitted_at is not None
    assert run.job.ended_at == run.job.submitted_at + timedelta(seconds=120)
    assert run.told == ["JobSubmitted", "JobFailed"]


def test_the_default_deadline_takes_few_looks(cloud: Cloud) -> None:
    cloud.provider.checks(standing("processing"))

    run = cloud.run()

    assert run.end == ("FAILED", "deadline_exceeded")
    assert sum(cloud.clock.waits) == 900
    assert run.job.checks <= 40


def test_a_status_that_nobody_knows_may_still_come_to_an_end(cloud: Cloud) -> None:
    cloud.provider.checks(standing("dreaming"), standing("dreaming"), completed())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * 3, *FINALIZE, "Done"]


@pytest.mark.parametrize(
    "answer",
    [
        html(502),
        problem(429, retry_after="1"),
        problem(404, "no such prediction"),
        httpx.ReadTimeout,
        httpx.ConnectError,
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"code": 200, "data": []}),
    ],
)
def test_polls_that_cannot_be_read_are_looked_past(cloud: Cloud, answer: answers.Answer) -> None:
    cloud.provider.checks(*[answer] * (MAX_UNREADABLE - 1), completed())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * MAX_UNREADABLE, *FINALIZE, "Done"]


def test_too_many_unreadable_polls_in_a_row_end_the_job(cloud: Cloud) -> None:
    cloud.provider.checks(html(502))

    run = cloud.run()

    assert run.end == ("FAILED", "provider_unavailable")
    assert run.states == [*SUBMIT, *CHECK * MAX_UNREADABLE, *FAIL]
    assert run.events[-1][1]["charged"] == "maybe"


def test_only_unreadable_polls_in_a_row_are_counted(cloud: Cloud) -> None:
    almost = [html(502)] * (MAX_UNREADABLE - 1)
    cloud.provider.checks(*almost, standing("processing"), *almost, completed())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)


def test_a_key_that_is_refused_while_polling_shows_as_unauthorized(cloud: Cloud) -> None:
    cloud.provider.checks(problem(401))

    run = cloud.run()

    assert run.end == ("FAILED", "unauthorized")
