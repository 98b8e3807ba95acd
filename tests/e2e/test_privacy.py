"""Prompts, URLs and the key stay out of executions and logs."""

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.e2e.desk import Desk, picture

WORDS = "an unmistakable heliotrope walrus"


class Traces(NamedTuple):
    """What two jobs left behind, and what must not be in it."""

    jobs: dict[str, str]
    secrets: list[str]


@pytest.fixture(scope="module")
def traces(desk: Desk) -> Traces:
    """An edit that completes and one that the provider refuses with the prompt in its words."""
    image = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    done = desk.run(
        {"operation": "edit", "quality": "low", "prompt": f"Show {WORDS}", "images": [image]}
    )
    words = f"The prompt {WORDS} was flagged"
    failed = desk.run(prompt=f'{WORDS} [[fault run.failed code=1200 message="{words}"]]')
    assert [done["detail-type"], failed["detail-type"]] == ["JobCompleted", "JobFailed"]
    key = desk.stack.client("secretsmanager").get_secret_value(
        SecretId=desk.stack.client("secretsmanager").list_secrets()["SecretList"][0]["ARN"]
    )["SecretString"]
    return Traces(
        {name: event["detail"]["job_id"] for name, event in (("done", done), ("failed", failed))},
        [WORDS, "heliotrope", key, "http://", "https://", "X-Amz-Signature", "base64,"],
    )


@pytest.mark.parametrize("job", ["done", "failed"])
def test_no_execution_holds_a_prompt_a_url_or_the_key(desk: Desk, traces: Traces, job: str) -> None:
    history = json.dumps(desk.execution_events(traces.jobs[job]), default=str)

    assert traces.jobs[job] in history
    assert [secret for secret in traces.secrets if secret in history] == []


def test_no_log_holds_a_prompt_a_url_or_the_key(desk: Desk, traces: Traces) -> None:
    lines = list(_lines(desk))

    assert any(traces.jobs["done"] in line for line in lines)
    assert [line for line in lines if any(secret in line for secret in traces.secrets)] == []


def test_every_line_of_ours_has_the_job_id_as_correlation_id(desk: Desk, traces: Traces) -> None:
    ours = [json.loads(line) for line in _lines(desk) if line.startswith('{"level"')]

    assert ours
    assert [line for line in ours if not line.get("correlation_id")] == []
    steps = {line["message"] for line in ours if line["correlation_id"] == traces.jobs["done"]}
    assert steps == {"request", "submit", "check", "finalize"}


def test_no_function_crashed(desk: Desk, traces: Traces) -> None:
    crashes = [line for line in _lines(desk) if '"message":"crashed"' in line]

    assert traces
    assert crashes == []


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
