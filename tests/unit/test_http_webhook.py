"""OnWebhook: the one open route; what API Gateway hands on, byte for byte, and what it logs."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from darkroom.bootstrap import entry_points
from darkroom.domain.job import Status
from darkroom.domain.steps import Step
from darkroom.handlers import on_webhook
from darkroom.observability import CrashError
from tests.fakes.provider import PREDICTION
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import World
from tests.unit.http import CONTEXT, Client, logged

SECRET = "whsec_of_the_tests"
OUTPUT = "https://cdn.test/output/sesame-4711.png"
PROMPT = "a lighthouse in fog, größer"
TOLD = {"id": PREDICTION, "status": "completed", "outputs": [OUTPUT], "input": {"prompt": PROMPT}}
# Not how we would write it: what was signed are these bytes, and no other way to say the same.
BODY = json.dumps(TOLD, ensure_ascii=False, indent=1).encode()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A deployment whose OnWebhook is called as API Gateway calls it."""
    found = World()
    found.flag_store.set(webhook_url="https://api.test/prod")
    monkeypatch.setattr(entry_points, "receive_webhook", found.receive_webhook)
    return found


def signed(body: bytes, secret: str = SECRET, at: float = START.timestamp()) -> dict[str, str]:
    """Headers by the provider's recipe."""
    content = f"{PREDICTION}.{at:.0f}.".encode() + body
    digest = hmac.new(secret.removeprefix("whsec_").encode(), content, hashlib.sha256).hexdigest()
    return {
        "Webhook-Id": PREDICTION,
        "Webhook-Timestamp": f"{at:.0f}",
        "Webhook-Signature": f"v3,{digest}",
    }


def event(job_id: str, raw: bytes = BODY, **changes: Any) -> dict[str, Any]:
    return {
        "resource": "/webhooks/wavespeed/{job_id}",
        "path": f"/webhooks/wavespeed/{job_id}",
        "httpMethod": "POST",
        "headers": signed(raw) | {"Content-Type": "application/json"},
        "pathParameters": {"job_id": job_id},
        "queryStringParameters": {"token": "t"},
        "requestContext": {"requestId": "request-1"},
        "body": raw.decode(),
        "isBase64Encoded": False,
    } | changes


def called(told: dict[str, Any]) -> int:
    answer = on_webhook.handler(told, CONTEXT)
    status: int = answer["statusCode"]
    refused = "" if status == 204 else "urn:darkroom:problem:unauthorized"
    assert (json.loads(answer["body"])["type"] if answer["body"] else "") == refused
    return status


def wait_for_webhook(world: World) -> str:
    """A job whose execution waits for the webhook."""
    job = world.accepted()
    world.submit_job()(Step(job_id=job.job_id))
    world.jobs.update(job.job_id, when=[Status.SUBMITTED], wake_token="the-wait")
    return job.job_id


def test_a_genuine_webhook_wakes_the_wait_and_gets_a_204(world: World) -> None:
    job_id = wait_for_webhook(world)

    assert called(event(job_id)) == 204

    assert world.workflow.woken == ["the-wait"]
    assert world.job(job_id).status is Status.SUBMITTED  # only a check moves it


def test_a_body_that_arrives_as_base64_is_the_bytes_behind_it(world: World) -> None:
    job_id = wait_for_webhook(world)
    text = base64.b64encode(BODY).decode()

    assert called(event(job_id, body=text, isBase64Encoded=True)) == 204

    assert world.workflow.woken == ["the-wait"]


@pytest.mark.parametrize("write", [str.lower, str.upper, str.title, str])
def test_a_headers_name_may_have_any_case(world: World, write: Any) -> None:
    headers = {write(name): value for name, value in signed(BODY).items()}

    assert called(event(wait_for_webhook(world), headers=headers)) == 204


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": None},
        {"headers": {}},
        {"headers": {"Webhook-Id": PREDICTION}},
        {"headers": signed(BODY, secret="whsec_of_somebody_else")},
        {"headers": signed(BODY, at=START.timestamp() - 301)},
        {"headers": signed(BODY, at=START.timestamp() + 301)},
        {"headers": signed(BODY + b" ")},
        {"headers": signed(b"")},
        {"body": json.dumps(TOLD)},  # the same, in other bytes
        {"body": None},
        {"body": "", "isBase64Encoded": True},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_what_is_not_signed_or_not_lately_is_a_401_and_wakes_nobody(
    world: World, changes: dict[str, Any]
) -> None:
    job_id = wait_for_webhook(world)
    before = world.job(job_id)

    assert called(event(job_id, **changes)) == 401

    assert world.workflow.woken == []
    assert world.job(job_id) == before


@pytest.mark.parametrize("query", [None, {}, {"token": ""}, {"other": "x"}])
def test_a_token_that_is_missing_says_nothing_against_a_signature(
    world: World, query: dict[str, str] | None
) -> None:
    job_id = wait_for_webhook(world)

    assert called(event(job_id, queryStringParameters=query)) == 204

    assert world.workflow.woken == ["the-wait"]


@pytest.mark.parametrize(("token", "finds"), [(None, True), ("another", False), ("", False)])
def test_with_the_token_of_its_very_post_a_lost_answer_is_found(
    world: World, token: str | None, finds: bool
) -> None:
    job = world.accepted()
    sent: dict[str, Any] = {
        "submitting_at": START,
        "submit_token": "the-post",
        "submit_attempts": 1,
    }
    world.jobs.update(job.job_id, when=[Status.QUEUED], status=Status.SUBMITTING, **sent)
    query = {"token": "the-post" if token is None else token}

    assert called(event(job.job_id, queryStringParameters=query)) == 204

    assert world.job(job.job_id).prediction_id == (PREDICTION if finds else None)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"id": 5}', b"{}"])
def test_a_signed_body_that_tells_nothing_is_taken_and_changes_nothing(
    world: World, body: bytes
) -> None:
    job_id = wait_for_webhook(world)
    text = base64.b64encode(body).decode() or None

    told = event(job_id, headers=signed(body), body=text, isBase64Encoded=True)

    assert called(told) == 204

    assert world.workflow.woken == []


@pytest.mark.parametrize("job_id", ["a" * 26, "none", "../x", "JOB#x", ""])
def test_a_job_that_is_not_there_is_no_reason_to_come_again(world: World, job_id: str) -> None:
    assert called(event(job_id)) == 204
    assert called(event(job_id, pathParameters=None)) == 204


def test_the_same_webhook_again_is_taken_again_and_does_no_harm(world: World) -> None:
    job_id = wait_for_webhook(world)

    assert [called(event(job_id)) for _ in range(3)] == [204, 204, 204]

    assert len(world.provider.posts) == 1
    assert world.job(job_id).status is Status.SUBMITTED


def test_no_log_line_quotes_a_prompt_a_url_a_token_or_a_signature(world: World) -> None:
    job_id = wait_for_webhook(world)
    headers = signed(BODY)
    query = {"token": "the-token"}

    with logged() as stream:
        called(event(job_id, queryStringParameters=query))
        called(event(job_id, queryStringParameters=query, body=BODY.decode() + " "))
        called(event(job_id, body=None))

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["webhook refused", "webhook refused"]
    assert {line["correlation_id"] for line in lines} == {job_id}
    words = [
        "lighthouse",
        "4711",
        "the-token",
        SECRET,
        headers["Webhook-Signature"][3:],
        "the-wait",
    ]
    assert [word for word in words if word in stream.getvalue()] == []


class BrokenJobs(InMemoryJobs):
    """The table, in trouble that quotes what it was asked."""

    def get(self, job_id: str) -> None:
        raise ValueError(PROMPT)


def test_a_crash_makes_the_provider_come_again_and_tells_none_of_its_words(world: World) -> None:
    job_id = wait_for_webhook(world)
    world.jobs = BrokenJobs()

    with logged() as stream, pytest.raises(CrashError, match=r"^ValueError$"):
        on_webhook.handler(event(job_id), CONTEXT)

    assert "lighthouse" not in stream.getvalue()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_app_behind_the_other_routes_does_not_know_this_one(method: str) -> None:
    ada = Client(role="admin")
    body = BODY.decode() if method == "POST" else None

    answer = ada.send(method, f"/webhooks/wavespeed/{ada.accepted().job_id}", body=body)

    assert (answer.status, answer.json["type"]) == (404, "urn:darkroom:problem:not-found")
