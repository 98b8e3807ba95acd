"""Callbacks on the deployed stack: every entry point, retries, WaveSpeed's format, dead letters."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from threading import Event
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from darkroom.domain.callers import Role
from local import paths
from local.waiting import until
from tests.e2e.api_client import ApiClient
from tests.e2e.deployment import Deployment
from tests.simulator.receiver import ReceivedWebhook, Receiver, receiving

SECONDS = 120
SMALL = {"operation": "text-to-image", "quality": "low", "resolution": "1k"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def next_callback(receiver: Receiver, seconds: float = SECONDS) -> ReceivedWebhook:
    return receiver.hooks.get(timeout=seconds)


def secret_of(deployment: Deployment, caller: str) -> str:
    """Return the secret of a caller, as an admin reads it."""
    token = deployment.create_key("callback-admin", Role.ADMIN)
    with deployment.http_client(token) as client:
        response = client.get("/v1/callback-secret", params={"caller": caller})
    assert response.status_code == 200, response.text
    secret: str = response.json()["secret"]
    return secret


def verified(deployment: Deployment, callback: ReceivedWebhook, caller: str) -> dict[str, Any]:
    content: dict[str, Any] = Webhook(secret_of(deployment, caller)).verify(
        callback.body, callback.headers
    )
    assert content["data"]["caller"] == caller
    return content


def test_job_of_an_http_request_is_called_back(
    deployment: Deployment, api_client: ApiClient, receiver: Receiver
) -> None:
    job = api_client.create_job(prompt="Call me back", callback_url=receiver.url)

    callback = next_callback(receiver)

    own = api_client.client.get("/v1/callback-secret").json()["secret"]
    content = Webhook(own).verify(callback.body, callback.headers)
    event = deployment.wait_for_job(job["job_id"])
    assert (content["type"], content["data"]) == ("JobCompleted", event["detail"])
    assert callback.headers["webhook-id"] == f"{job['job_id']}.completed"
    assert callback.path == "/hook?job=a%26b"
    assert receiver.hooks.empty()


def test_job_of_an_event_is_called_back(deployment: Deployment, receiver: Receiver) -> None:
    event_id = deployment.request_job(prompt="By event", callback_url=receiver.url)

    content = verified(deployment, next_callback(receiver), "events")

    assert content["data"]["request_id"] == event_id


def test_rows_of_a_batch_are_called_back(
    deployment: Deployment, api_client: ApiClient, receiver: Receiver
) -> None:
    rows = [{"prompt": f"Row {n}", **SMALL} for n in range(2)]
    rows[1]["callback_url"] = f"{receiver.url}&row=1"
    text = "\n".join(map(json.dumps, rows)).encode()
    source = api_client.upload(text, "application/jsonl")["reference"]
    body = {"source": source, "format": "jsonl", "defaults": {"callback_url": receiver.url}}

    response = api_client.client.post("/v1/batches", json=body)

    assert response.status_code == 202, response.text
    received = [next_callback(receiver) for _ in rows]
    for callback in received:
        verified(deployment, callback, "key:shop")
    assert sorted(callback.path for callback in received) == [
        "/hook?job=a%26b", "/hook?job=a%26b&row=1",
    ]  # fmt: skip


def test_chain_of_a_key_with_a_default_is_called_back(
    deployment: Deployment, receiver: Receiver
) -> None:
    admin = deployment.create_key("callback-admin", Role.ADMIN)
    with deployment.http_client(admin) as client:
        request = {"name": "default", "unlimited": True, "callback_url": receiver.url}
        created = client.post("/v1/keys", json=request)
        assert created.status_code == 201, created.text
    with deployment.http_client(created.json()["key"]) as client:
        job = ApiClient(client).create_job(
            prompt="A chain", then=[{"prompt": "By night", "quality": "low"}]
        )

    first, end = (verified(deployment, next_callback(receiver), "key:default") for _ in range(2))

    assert (first["type"], first["data"]["job_id"]) == ("JobCompleted", job["job_id"])
    assert (end["type"], end["data"]["chain_id"]) == ("ChainCompleted", job["job_id"])
    assert len(end["data"]["finished"]) == 2


def test_receiver_that_fails_at_first_gets_the_same_event_again(
    deployment: Deployment, api_client: ApiClient, receiver: Receiver
) -> None:
    receiver.answers = [503, 302]
    api_client.create_job(prompt="Call me back later", callback_url=receiver.url)

    callbacks = [next_callback(receiver) for _ in range(3)]

    assert len({callback.headers["webhook-id"] for callback in callbacks}) == 1
    for callback in callbacks:
        verified(deployment, callback, "key:shop")
    with pytest.raises(Empty):
        receiver.hooks.get(timeout=5)


def test_slow_receiver_delays_neither_the_job_nor_other_callbacks(
    api_client: ApiClient, receiver: Receiver
) -> None:
    released = Event()
    with receiving() as slow:
        slow.before_answer = released.wait
        job = api_client.create_job(prompt="Slow", callback_url=slow.url)
        next_callback(slow)
        ended = api_client.get_job(job["job_id"])
        api_client.create_job(prompt="Quick", callback_url=receiver.url)
        next_callback(receiver)
        released.set()

    assert ended["status"] == "completed"


def test_webhook_parameter_works_as_at_wavespeed(api_client: ApiClient, receiver: Receiver) -> None:
    model = "/api/v3/openai/gpt-image-2/text-to-image"
    body = {"prompt": "By WaveSpeed's format", "quality": "low"}

    response = api_client.client.post(model, json=body, params={"webhook": receiver.url})

    assert response.status_code == 200, response.text
    callback = next_callback(receiver)
    secret = api_client.client.get("/api/v3/webhook/secret").json()["data"]["secret"]
    assert callback.verdict(secret) == "genuine"
    job_id = response.json()["data"]["id"]
    assert (callback.prediction["id"], callback.prediction["status"]) == (job_id, "completed")
    result = api_client.client.get(callback.prediction["urls"]["get"]).json()["data"]
    assert result | {"outputs": []} == callback.prediction | {"outputs": []}
    [output] = callback.prediction["outputs"]
    assert api_client.client.get(output, headers={"Authorization": ""}).content[:4] == b"\x89PNG"


def test_callback_of_a_dead_receiver_is_redriven(
    deployment: Deployment, api_client: ApiClient, receiver: Receiver, tmp_path: Path
) -> None:
    """Its last attempt was the first one: the queue allows only one for this test."""
    sqs: Any = deployment.stack.client("sqs")
    stack = deployment.stack.client("cloudformation").describe_stacks(
        StackName=deployment.stack.stack_name
    )["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    queue, dead_letters = outputs["CallbacksUrl"], outputs["DeadLettersUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])[
        "Attributes"
    ]["RedrivePolicy"]
    once = json.dumps(json.loads(policy) | {"maxReceiveCount": 1})
    sqs.purge_queue(QueueUrl=dead_letters)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": once})
    try:
        receiver.answers = [500]
        job = api_client.create_job(prompt="Dead receiver", callback_url=receiver.url)
        next_callback(receiver)
        until(
            lambda: sqs.receive_message(QueueUrl=dead_letters, VisibilityTimeout=0).get("Messages"),
            seconds=60,
            what="the dead letter",
        )
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    for name in ("template.yaml", "Makefile"):
        (tmp_path / name).touch()
    (tmp_path / ".local").mkdir()
    deployment.stack.write(tmp_path / ".local" / "stack.json")

    redriven = subprocess.run(
        [paths.PROJECT_BIN / "darkroom", "redrive"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert redriven.returncode == 0, redriven.stdout + redriven.stderr
    assert f"delivered  callback  event {job['job_id']}.completed" in redriven.stdout
    assert next_callback(receiver).headers["webhook-id"] == f"{job['job_id']}.completed"
