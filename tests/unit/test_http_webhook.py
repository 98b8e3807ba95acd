"""OnWebhook: the route without an API key; signature checks on the raw bytes, and its logs."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from darkroom.api.headers import SECURITY_HEADERS
from darkroom.domain.job import Status
from darkroom.domain.steps import Step
from darkroom.handlers import on_webhook
from darkroom.observability import CrashError
from tests.fakes.provider import PREDICTION
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import World
from tests.unit.http import CONTEXT, Client, capture_logs

SECRET = "whsec_of_the_tests"
OUTPUT = "https://cdn.test/output/sesame-4711.png"
PROMPT = "a lighthouse in fog, größer"
PAYLOAD = {
    "id": PREDICTION,
    "status": "completed",
    "outputs": [OUTPUT],
    "input": {"prompt": PROMPT},
}
# Unusual formatting: the signature covers these bytes, not the JSON value.
BODY = json.dumps(PAYLOAD, ensure_ascii=False, indent=1).encode()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose OnWebhook handler is called as API Gateway calls it."""
    world = World()
    world.flag_store.set(webhook_url="https://api.test/prod")
    monkeypatch.setattr(on_webhook, "app", lambda: world.app)
    return world


def signed_headers(
    body: bytes, secret: str = SECRET, at: float = START.timestamp()
) -> dict[str, str]:
    """Return the headers with a signature by the provider's scheme."""
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
        "headers": signed_headers(raw) | {"Content-Type": "application/json"},
        "pathParameters": {"job_id": job_id},
        "queryStringParameters": {"token": "t"},
        "requestContext": {"requestId": "request-1"},
        "body": raw.decode(),
        "isBase64Encoded": False,
    } | changes


def call_handler(gateway_event: dict[str, Any]) -> int:
    response = on_webhook.handler(gateway_event, CONTEXT)
    assert response["headers"].items() >= SECURITY_HEADERS.items()
    status: int = response["statusCode"]
    expected_type = "" if status == 204 else "urn:darkroom:problem:unauthorized"
    assert (json.loads(response["body"])["type"] if response["body"] else "") == expected_type
    return status


def wait_for_webhook(world: World) -> str:
    """Return the id of a job whose execution waits for the webhook."""
    job = world.accept_job()
    world.app.submit_job.run(Step(job_id=job.job_id))
    world.jobs.update(job.job_id, when=[Status.SUBMITTED], wake_token="the-wait")
    return job.job_id


def test_valid_webhook_ends_the_wait_and_returns_204(world: World) -> None:
    job_id = wait_for_webhook(world)

    assert call_handler(event(job_id)) == 204

    assert world.workflow.woken == ["the-wait"]
    assert world.job(job_id).status is Status.SUBMITTED  # only a check changes the status


def test_base64_body_is_decoded_before_verification(world: World) -> None:
    job_id = wait_for_webhook(world)
    text = base64.b64encode(BODY).decode()

    assert call_handler(event(job_id, body=text, isBase64Encoded=True)) == 204

    assert world.workflow.woken == ["the-wait"]


@pytest.mark.parametrize("change_case", [str.lower, str.upper, str.title, str])
def test_header_names_are_case_insensitive(world: World, change_case: Any) -> None:
    headers = {change_case(name): value for name, value in signed_headers(BODY).items()}

    assert call_handler(event(wait_for_webhook(world), headers=headers)) == 204


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": None},
        {"headers": {}},
        {"headers": {"Webhook-Id": PREDICTION}},
        {"headers": signed_headers(BODY, secret="whsec_of_another_account")},
        {"headers": signed_headers(BODY, at=START.timestamp() - 301)},
        {"headers": signed_headers(BODY, at=START.timestamp() + 301)},
        {"headers": signed_headers(BODY + b" ")},
        {"headers": signed_headers(b"")},
        {"body": json.dumps(PAYLOAD)},  # the same value in other bytes
        {"body": None},
        {"body": "", "isBase64Encoded": True},
    ],
    ids=lambda changes: str(changes)[:60],
)
def test_unsigned_or_stale_webhook_returns_401_and_changes_nothing(
    world: World, changes: dict[str, Any]
) -> None:
    job_id = wait_for_webhook(world)
    before = world.job(job_id)

    assert call_handler(event(job_id, **changes)) == 401

    assert world.workflow.woken == []
    assert world.job(job_id) == before


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"id": 5}', b"{}"])
def test_signed_body_without_a_prediction_returns_204_and_changes_nothing(
    world: World, body: bytes
) -> None:
    job_id = wait_for_webhook(world)
    text = base64.b64encode(body).decode() or None

    gateway_event = event(job_id, headers=signed_headers(body), body=text, isBase64Encoded=True)

    assert call_handler(gateway_event) == 204

    assert world.workflow.woken == []


@pytest.mark.parametrize("job_id", ["a" * 26, "none", "../x", "JOB#x", ""])
def test_webhook_of_a_missing_job_returns_204(world: World, job_id: str) -> None:
    assert call_handler(event(job_id)) == 204
    assert call_handler(event(job_id, pathParameters=None)) == 204


def test_logs_contain_no_prompt_url_token_or_signature(world: World) -> None:
    job_id = wait_for_webhook(world)
    headers = signed_headers(BODY)
    query = {"token": "the-token"}

    with capture_logs() as stream:
        call_handler(event(job_id, queryStringParameters=query))
        call_handler(event(job_id, queryStringParameters=query, body=BODY.decode() + " "))
        call_handler(event(job_id, body=None))

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["webhook refused", "webhook refused"]
    assert {line["correlation_id"] for line in lines} == {job_id}
    secrets = [
        "lighthouse",
        "4711",
        "the-token",
        SECRET,
        headers["Webhook-Signature"][3:],
        "the-wait",
    ]
    assert [secret for secret in secrets if secret in stream.getvalue()] == []


class BrokenJobs(InMemoryJobs):
    """A table whose errors contain the prompt."""

    def get(self, job_id: str) -> None:
        raise ValueError(PROMPT)


def test_exception_raises_without_its_message_so_that_the_provider_retries(world: World) -> None:
    job_id = wait_for_webhook(world)
    world.jobs = BrokenJobs()

    with capture_logs() as stream, pytest.raises(CrashError, match=r"^ValueError$"):
        on_webhook.handler(event(job_id), CONTEXT)

    assert "lighthouse" not in stream.getvalue()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_app_returns_404_for_the_webhook_route(method: str) -> None:
    ada = Client(role="admin")
    body = BODY.decode() if method == "POST" else None

    response = ada.send(method, f"/webhooks/wavespeed/{ada.accept_job().job_id}", body=body)

    assert (response.status, response.json["type"]) == (404, "urn:darkroom:problem:not-found")
