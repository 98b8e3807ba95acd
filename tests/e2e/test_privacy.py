"""Prompts, URLs, tokens and keys are not in executions, events or logs."""

import base64
import json
import time
from typing import NamedTuple

import pytest

from tests.e2e.api_client import SMALL
from tests.e2e.deployment import Deployment, png_image

PRIVATE_TEXT = "an unmistakable heliotrope walrus"


class Traces(NamedTuple):
    """The ids of jobs, and texts that must not occur in their executions, events and logs."""

    jobs: dict[str, str]
    secrets: list[str]
    started: int  # milliseconds of the Unix epoch


@pytest.fixture(scope="module")
def traces(deployment: Deployment) -> Traces:
    """Run jobs of each entry point and outcome; return their ids and the private texts."""
    started = int(time.time() * 1000)
    image = f"data:image/png;base64,{base64.b64encode(png_image()).decode()}"
    error_message = f"The prompt {PRIVATE_TEXT} was flagged"
    lost = "[[fault submit.accept_then_close]]"
    # First, because the emulator can write the last log lines of a worker after its next call.
    done = deployment.run_job(operation="edit", prompt=f"Show {PRIVATE_TEXT}", images=[image])
    request_ids = {
        "failed": deployment.request_job(
            prompt=f'{PRIVATE_TEXT} [[fault run.failed code=1200 message="{error_message}"]]'
        ),
        "lost": deployment.request_job(prompt=f"Lost {PRIVATE_TEXT} {lost}"),
        "late": deployment.request_job(prompt=f"{PRIVATE_TEXT} {lost} [[fault webhook.lost]]"),
    }
    token = deployment.create_key("private")
    request = SMALL | {"prompt": f"Ask for {PRIVATE_TEXT}"}
    with deployment.http_client(deployment.create_key("poor", daily_budget_usd=0.001)) as client:
        assert client.post("/v1/jobs", json=request).status_code == 402
    with deployment.http_client(token) as client:
        http = client.post("/v1/jobs", json=request).json()
        client.post("/v1/jobs", json=request | {"quality": PRIVATE_TEXT})
        client.get(f"/v1/jobs/{http['job_id']}", params={"wait": 1})
    key = "warmer-light/walrus.png"
    version = deployment.put_to_inbox(key, png_image(), quality="low", prompt=f"A {PRIVATE_TEXT}")
    events = {"done": done} | {
        name: deployment.wait_for_request(event) for name, event in request_ids.items()
    }
    events["http"] = deployment.wait_for_job(http["job_id"])
    events["upload"] = deployment.wait_for_upload(key, version)
    assert {name: event["detail-type"] for name, event in events.items()} == dict.fromkeys(
        events, "JobCompleted"
    ) | {"failed": "JobFailed"}
    jobs = {name: event["detail"]["job_id"] for name, event in events.items()}
    tokens = [deployment.job(jobs[name]).submit_token or "" for name in ("done", "lost", "late")]
    provider_key = deployment.stack.provider_key()
    return Traces(
        jobs,
        [PRIVATE_TEXT, "heliotrope", provider_key, token, "dk_", "whsec_", *tokens,
         "http://", "https://", "X-Amz-Signature", "base64,"],
        started,
    )  # fmt: skip


@pytest.mark.parametrize("job", ["done", "failed", "lost", "late", "http", "upload"])
def test_execution_contains_no_private_text(
    deployment: Deployment, traces: Traces, job: str
) -> None:
    history = json.dumps(deployment.execution_events(traces.jobs[job]), default=str)

    assert traces.jobs[job] in history
    assert [secret for secret in traces.secrets if secret in history] == []


def test_events_contain_no_private_text(deployment: Deployment, traces: Traces) -> None:
    details = [
        json.dumps(event["detail"]) for event in deployment.bus.events
        if event["detail-type"] != "JobRequested"
        and event["detail"].get("job_id") in traces.jobs.values()
    ]  # fmt: skip

    assert len(details) >= 2 * len(traces.jobs)
    assert [event for event in details if any(secret in event for secret in traces.secrets)] == []


def test_logs_contain_no_private_text(deployment: Deployment, traces: Traces) -> None:
    lines = list(deployment.log_lines(since=traces.started))

    assert any(traces.jobs["done"] in line for line in lines)
    assert [line for line in lines if any(secret in line for secret in traces.secrets)] == []


def test_log_lines_have_the_job_id_as_correlation_id(
    deployment: Deployment, traces: Traces
) -> None:
    own_lines = [
        json.loads(line)
        for line in deployment.log_lines(since=traces.started)
        if line.startswith('{"level"')
    ]

    assert own_lines
    assert [line for line in own_lines if not line.get("correlation_id")] == []
    steps = {line["message"] for line in own_lines if line["correlation_id"] == traces.jobs["done"]}
    # Check runs without a webhook only. Subscribers of the terminal event can log later.
    optional = {"check", "record_stats", "thumbnails"}
    assert steps - optional == {"request", "submit", "finalize"}
    assert "upload" in {
        line["message"] for line in own_lines if line["correlation_id"] == traces.jobs["upload"]
    }


def test_no_function_crashed(deployment: Deployment, traces: Traces) -> None:
    crashes = [
        line for line in deployment.log_lines(since=traces.started) if '"message":"crashed"' in line
    ]

    # Other tests of this stack cause crashes intentionally.
    jobs = traces.jobs.values()
    assert [line for line in crashes if any(job in line for job in jobs)] == []


def test_metrics_are_written(deployment: Deployment, traces: Traces) -> None:
    lines = [
        json.loads(line)
        for line in deployment.log_lines(since=traces.started)
        if line.startswith('{"_aws"')
    ]

    names = {m["Name"] for line in lines for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    codes = {line["code"] for line in lines if "JobsFailed" in line}

    assert names >= {"JobsAccepted", "JobsCompleted", "JobsFailed", "Checks", "JobDuration"}
    assert "moderated" in codes
