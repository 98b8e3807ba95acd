import httpx
import pytest

from tests.workflow import provider
from tests.workflow.cloud import FAIL, PROMPT, STRAIGHT, SUBMIT, Cloud
from tests.workflow.provider import KEY, ROTATED_KEY, accepted, html, problem

DEFERRED = [*SUBMIT, "Defer"]


def test_a_429_is_waited_out_for_as_long_as_it_says(cloud: Cloud) -> None:
    cloud.provider.submits(problem(429, retry_after="7"), accepted())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFERRED, *STRAIGHT]
    assert cloud.clock.waits[0] == 7
    assert run.statuses == ["submitting", "queued", "submitting", "submitted", "completed"]
    assert run.told == ["JobSubmitted", "JobCompleted"]


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_a_connection_that_was_never_made_is_tried_again(
    cloud: Cloud, error: type[httpx.TransportError]
) -> None:
    cloud.provider.submits(error, error, accepted())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFERRED * 2, *STRAIGHT]
    assert run.job.submit_attempts == 3


def test_a_job_is_given_up_when_the_provider_puts_it_off_for_ever(cloud: Cloud) -> None:
    cloud.provider.submits(problem(429))

    run = cloud.run()

    assert run.end == ("FAILED", "provider_unavailable")
    assert run.states[-4:] == [*SUBMIT, *FAIL]
    assert 3600 < sum(cloud.clock.waits) < 3605
    assert run.events[-1][1]["charged"] == "no"


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "aspect_ratio is not allowed", "invalid_request"),
        (400, "blocked by our content policy", "moderated"),
        (402, "insufficient credits", "insufficient_credits"),
        (403, "no access to this model", "unauthorized"),
        (404, "no such model", "invalid_request"),
        (418, "no", "rejected"),
    ],
)
def test_a_refused_submit_ends_the_job_with_its_code(
    cloud: Cloud, status: int, message: str, code: str
) -> None:
    cloud.provider.submits(problem(status, f"{message}: {PROMPT}"))

    run = cloud.run()

    assert run.end == ("FAILED", code)
    assert run.states == [*SUBMIT, *FAIL]
    assert run.statuses == ["submitting", "failed"]
    assert run.told == ["JobFailed"]
    assert run.events[0][1]["code"] == run.job.code == code
    assert len(cloud.provider.posts) == 1


def test_a_rotated_key_is_read_afresh_and_the_post_sent_again(cloud: Cloud) -> None:
    cloud.run()
    cloud.provider.key = ROTATED_KEY
    cloud.rotate(ROTATED_KEY)
    cloud.forget()

    job_id = cloud.request(event_id="event-2")
    cloud.machine.run_pending()
    run = cloud.look(job_id)

    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    sent = [post.headers["authorization"] for post in cloud.provider.posts]
    assert sent == [f"Bearer {KEY}", f"Bearer {ROTATED_KEY}"]


def test_a_key_that_stays_refused_ends_the_job_after_one_second_look(cloud: Cloud) -> None:
    cloud.provider.key = "another deployment's"

    run = cloud.run()

    assert run.end == ("FAILED", "unauthorized")
    assert run.states == [*SUBMIT, *FAIL]
    assert len(cloud.provider.posts) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout,
        httpx.ReadError,
        httpx.RemoteProtocolError,
        httpx.WriteError,
        html(500),
        html(502),
        problem(503, retry_after="1"),
        html(504),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"code": 200, "data": {}}),
    ],
)
def test_a_submit_of_unknown_outcome_is_never_repeated(
    cloud: Cloud, answer: provider.Answer
) -> None:
    cloud.provider.submits(answer, accepted())

    run = cloud.run()

    assert run.end == ("FAILED", "submission_unknown")
    assert run.states == [*SUBMIT, *FAIL]
    assert len(cloud.provider.posts) == 1
    assert run.events[-1][1]["charged"] == "maybe"
    assert run.events[-1][1]["retryable"] is False
