"""Prompts, URLs, tokens and keys stay out of executions, events and logs."""

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.desk import Desk, picture

WORDS = "an unmistakable heliotrope walrus"


class Traces(NamedTuple):
    """What some jobs left behind, and what must not be in it."""

    jobs: dict[str, str]
    secrets: list[str]


@pytest.fixture(scope="module")
def traces(desk: Desk) -> Traces:
    """Jobs by each door, with everything that can come of one, and what must stay secret."""
    image = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    done = desk.run(
        {"operation": "edit", "quality": "low", "prompt": f"Show {WORDS}", "images": [image]}
    )
    words = f"The prompt {WORDS} was flagged"
    failed = desk.run(prompt=f'{WORDS} [[fault run.failed code=1200 message="{words}"]]')
    assert [done["detail-type"], failed["detail-type"]] == ["JobCompleted", "JobFailed"]
    lost = desk.run(prompt=f"Lost {WORDS} [[fault submit.accept_then_close]]")
    late = desk.run(prompt=f"{WORDS} [[fault submit.accept_then_close]] [[fault webhook.lost]]")
    token = desk.key("private")
    with desk.http(desk.key("poor", budget=0.001)) as client:
        refused = client.post(
            "/v1/jobs", json={"operation": "text-to-image", "quality": "low", "prompt": WORDS}
        )
    assert refused.status_code == 402
    with desk.http(token) as client:
        asked = {"operation": "text-to-image", "quality": "low", "prompt": f"Ask for {WORDS}"}
        http = client.post("/v1/jobs", json=asked).json()
        client.post("/v1/jobs", json=asked | {"quality": WORDS})
        client.get(f"/v1/jobs/{http['job_id']}", params={"wait": 1})
    version = desk.drop("warmer-light/walrus.png", picture(), quality="low", prompt=f"A {WORDS}")
    upload = desk.outcome_of_upload("warmer-light/walrus.png", version)
    assert [upload["detail-type"], desk.outcome_of_job(http["job_id"])["detail-type"]] == [
        "JobCompleted", "JobCompleted",
    ]  # fmt: skip
    key = desk.stack.client("secretsmanager").get_secret_value(
        SecretId=desk.stack.client("secretsmanager").list_secrets()["SecretList"][0]["ARN"]
    )["SecretString"]
    return Traces(
        {
            "done": done["detail"]["job_id"],
            "failed": failed["detail"]["job_id"],
            "lost": lost["detail"]["job_id"],
            "late": late["detail"]["job_id"],
            "http": http["job_id"],
            "upload": upload["detail"]["job_id"],
        },
        [
            WORDS,
            "heliotrope",
            key,
            token,
            "dk_",
            "whsec_",
            *(desk.job(each["detail"]["job_id"]).submit_token or "" for each in (done, lost, late)),
            "http://",
            "https://",
            "X-Amz-Signature",
            "base64,",
        ],
    )


@pytest.mark.parametrize("job", ["done", "failed", "lost", "late", "http", "upload"])
def test_no_execution_holds_a_prompt_a_url_or_the_key(desk: Desk, traces: Traces, job: str) -> None:
    history = json.dumps(desk.execution_events(traces.jobs[job]), default=str)

    assert traces.jobs[job] in history
    assert [secret for secret in traces.secrets if secret in history] == []


def test_no_event_holds_a_prompt_a_url_or_the_key(desk: Desk, traces: Traces) -> None:
    told = [
        json.dumps(event["detail"]) for event in desk.bus.events
        if event["detail-type"] != "JobRequested"
        and event["detail"].get("job_id") in traces.jobs.values()
    ]  # fmt: skip

    assert len(told) >= 2 * len(traces.jobs)
    assert [event for event in told if any(secret in event for secret in traces.secrets)] == []


def test_no_log_holds_a_prompt_a_url_or_the_key(desk: Desk, traces: Traces) -> None:
    lines = list(_lines(desk))

    assert any(traces.jobs["done"] in line for line in lines)
    assert [line for line in lines if any(secret in line for secret in traces.secrets)] == []


def test_every_line_of_ours_has_the_job_id_as_correlation_id(desk: Desk, traces: Traces) -> None:
    ours = [json.loads(line) for line in _lines(desk) if line.startswith('{"level"')]

    assert ours
    assert [line for line in ours if not line.get("correlation_id")] == []
    steps = {line["message"] for line in ours if line["correlation_id"] == traces.jobs["done"]}
    # Those who hear of its end write when they come to it.
    assert steps - {"record_stats", "thumbnails"} == {"request", "submit", "check", "finalize"}
    assert "upload" in {
        line["message"] for line in ours if line["correlation_id"] == traces.jobs["upload"]
    }


def test_no_function_crashed(desk: Desk, traces: Traces) -> None:
    crashes = [line for line in _lines(desk) if '"message":"crashed"' in line]

    # Other tests of this stack break things on purpose.
    jobs = traces.jobs.values()
    assert [line for line in crashes if any(job in line for job in jobs)] == []


def test_metrics_count_what_was_accepted_completed_and_failed(desk: Desk, traces: Traces) -> None:
    lines = [json.loads(line) for line in _lines(desk) if line.startswith('{"_aws"')]

    names = {m["Name"] for line in lines for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    codes = {line["code"] for line in lines if "JobsFailed" in line}

    assert names >= {"JobsAccepted", "JobsCompleted", "JobsFailed", "Checks", "JobDuration"}
    assert "moderated" in codes


def _lines(desk: Desk) -> Iterator[str]:
    logs: Any = desk.stack.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            for event in page["events"]:
                yield event["message"].strip()
