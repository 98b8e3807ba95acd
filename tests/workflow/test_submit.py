"""Submits with an unambiguous response."""

from datetime import timedelta

import httpx
import pytest

from tests.workflow.actions import finish
from tests.workflow.clock import START
from tests.workflow.cloud import DEFER, FAIL, SUBMIT, SUCCESS_PATH, Cloud
from tests.workflow.invariants import PROMPT
from tests.workflow.provider import Accepted
from tests.workflow.responses import KEY, ROTATED_KEY, error_response


@pytest.mark.parametrize(("response", "wait"), [({"retry_after": "7"}, 7), ({}, 60)])
def test_retry_after_is_honoured(cloud: Cloud, response: dict[str, str], wait: int) -> None:
    cloud.provider.script_submits(error_response(429, **response), Accepted())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*DEFER, *SUCCESS_PATH]
    assert cloud.clock.waits[0] == wait
    assert run.statuses == [
        "queued",
        "submitting",
        "queued",
        "submitting",
        "submitted",
        "completed",
    ]
    assert run.event_names == ["JobSubmitted", "JobCompleted"]


def test_429_pauses_submission_for_every_job(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(429, retry_after="120"), Accepted())
    first = cloud.request(event_id="event-1")
    second = cloud.request(event_id="event-2")
    cloud.clock.schedule(5, lambda: cloud.request(event_id="event-3"))

    cloud.machine.run_pending()

    sent = [(post.job_id, post.is_proven) for post in cloud.provider.posts]
    assert sent[:3] == [(first, True), (first, False), (second, False)]
    assert len(sent) == 4
    assert min(
        prediction.created_at for prediction in cloud.provider.predictions
    ) == START + timedelta(seconds=120)
    for job in cloud.jobs():
        assert cloud.inspect(job.job_id).states == [*DEFER, *SUCCESS_PATH]


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_failed_connection_is_retried(cloud: Cloud, error: type[httpx.TransportError]) -> None:
    cloud.provider.script_submits(error, error, Accepted())

    run = cloud.run()

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 2, *SUCCESS_PATH]
    assert cloud.clock.waits[:2] == [5, 10]
    assert run.job.submit_attempts == 3


def test_job_that_is_always_throttled_fails_after_the_maximum_queue_time(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(429))

    run = cloud.run()

    assert run.outcome == ("FAILED", "provider_unavailable")
    assert run.states[-4:] == [*SUBMIT, *FAIL]
    assert 3600 < sum(cloud.clock.waits) < 3605
    assert run.events[-1][1]["charged"] == "no"


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "aspect_ratio is not allowed", "invalid_request"),
        (400, "blocked by our content policy", "moderated"),
        (403, "no access to this model", "unauthorized"),
        (404, "no such model", "invalid_request"),
        (418, "no", "rejected"),
    ],
)
def test_refused_submit_ends_the_job_with_its_code(
    cloud: Cloud, status: int, message: str, code: str
) -> None:
    cloud.provider.script_submits(error_response(status, f"{message}: {PROMPT}"))

    run = cloud.run()

    assert run.outcome == ("FAILED", code)
    assert run.states == [*SUBMIT, *FAIL]
    assert run.statuses == ["queued", "submitting", "failed"]
    assert run.event_names == ["JobFailed"]
    assert run.events[0][1]["code"] == run.job.code == code
    assert len(run.posts) == 1


def test_rotated_key_is_read_again_and_the_submit_repeated(cloud: Cloud) -> None:
    cloud.run()
    cloud.provider.key = ROTATED_KEY
    cloud.rotate_key(ROTATED_KEY)

    run = finish(cloud, cloud.request(event_id="event-2"))

    assert run.outcome == ("SUCCEEDED", None)
    assert run.states == SUCCESS_PATH
    sent = [post.request.headers["authorization"] for post in run.posts]
    assert sent == [f"Bearer {KEY}", f"Bearer {ROTATED_KEY}"]


def test_webhook_is_registered_only_if_enabled(cloud: Cloud) -> None:
    run_without_webhook = cloud.run()
    cloud.enable_webhooks()
    cloud.clock.now += timedelta(minutes=1)  # runtime flags are cached for a few seconds

    run = finish(cloud, cloud.request(event_id="event-2"))

    assert "webhook" not in run_without_webhook.posts[0].request.url.params
    prediction = run.posts[0].prediction
    assert prediction is not None
    assert prediction.webhook is not None
    url, _, token = prediction.webhook.partition("?token=")
    assert url == f"https://api.example.com/live/webhooks/wavespeed/{run.job.job_id}"
    assert token == run.job.submit_token
