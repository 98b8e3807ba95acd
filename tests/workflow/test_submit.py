"""The submit, as far as it is known what came of it."""

from datetime import timedelta

import httpx
import pytest

from tests.workflow.answers import KEY, ROTATED_KEY, problem
from tests.workflow.cloud import DEFER, FAIL, STRAIGHT, SUBMIT, Cloud
from tests.workflow.invariants import PROMPT
from tests.workflow.provider import Taken
from tests.workflow.scenes import finish
from tests.workflow.timeline import START


@pytest.mark.parametrize(("answer", "wait"), [({"retry_after": "7"}, 7), ({}, 60)])
def test_a_429_is_waited_out_for_as_long_as_it_says(
    cloud: Cloud, answer: dict[str, str], wait: int
) -> None:
    cloud.provider.submits(problem(429, **answer), Taken())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFER, *STRAIGHT]
    assert cloud.clock.waits[0] == wait
    assert run.statuses == [
        "queued",
        "submitting",
        "queued",
        "submitting",
        "submitted",
        "completed",
    ]
    assert run.told == ["JobSubmitted", "JobCompleted"]


def test_a_429_holds_everybody(cloud: Cloud) -> None:
    cloud.provider.submits(problem(429, retry_after="120"), Taken())
    first = cloud.request(event_id="event-1")
    second = cloud.request(event_id="event-2")
    cloud.clock.at(5, lambda: cloud.request(event_id="event-3"))

    cloud.machine.run_pending()

    sent = [(post.job_id, post.is_proven) for post in cloud.provider.posts]
    assert sent[:3] == [(first, True), (first, False), (second, False)]
    assert len(sent) == 4
    assert min(made.at for made in cloud.provider.made) == START + timedelta(seconds=120)
    for job in cloud.jobs():
        assert cloud.look(job.job_id).states == [*DEFER, *STRAIGHT]


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_a_connection_that_was_never_made_is_tried_again(
    cloud: Cloud, error: type[httpx.TransportError]
) -> None:
    cloud.provider.submits(error, error, Taken())

    run = cloud.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*DEFER * 2, *STRAIGHT]
    assert cloud.clock.waits[:2] == [5, 10]
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
    assert run.statuses == ["queued", "submitting", "failed"]
    assert run.told == ["JobFailed"]
    assert run.events[0][1]["code"] == run.job.code == code
    assert len(run.posts) == 1


def test_a_rotated_key_is_read_afresh_and_the_post_sent_again(cloud: Cloud) -> None:
    cloud.run()
    cloud.provider.key = ROTATED_KEY
    cloud.rotate(ROTATED_KEY)

    run = finish(cloud, cloud.request(event_id="event-2"))

    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    sent = [post.request.headers["authorization"] for post in run.posts]
    assert sent == [f"Bearer {KEY}", f"Bearer {ROTATED_KEY}"]


def test_a_webhook_is_asked_for_only_if_the_owner_wants_one(cloud: Cloud) -> None:
    without = cloud.run()
    cloud.listen()
    cloud.clock.now += timedelta(minutes=1)  # a switch is read again after some seconds

    run = finish(cloud, cloud.request(event_id="event-2"))

    assert "webhook" not in without.posts[0].request.url.params
    made = run.posts[0].made
    assert made is not None
    assert made.webhook is not None
    url, _, token = made.webhook.partition("?token=")
    assert url == f"https://api.example.com/live/webhooks/wavespeed/{run.job.job_id}"
    assert token == run.job.submit_token
