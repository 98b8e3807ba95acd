"""`darkroom redrive`: dead letters are processed exactly once after their cause is repaired."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import paths
from local.waiting import until
from tests.e2e.deployment import Deployment

DARKROOM = paths.PROJECT_BIN / "darkroom"
MALFORMED = "not a message of a function"


@pytest.fixture
def resource_ids(deployment: Deployment) -> dict[str, str]:
    """Return the physical ids of the stack resources by logical id."""
    pages = deployment.stack.client("cloudformation").get_paginator("list_stack_resources")
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages.paginate(StackName=deployment.stack.stack_name)
        for resource in page["StackResourceSummaries"]
    }


@pytest.fixture(autouse=True)
def empty_queue(deployment: Deployment, resource_ids: dict[str, str]) -> None:
    """Purge the queue, which can contain messages of other tests."""
    deployment.stack.client("sqs").purge_queue(QueueUrl=resource_ids["DeadLetters"])


@contextmanager
def broken_entry_point(deployment: Deployment, function: str) -> Iterator[None]:
    """Configure an entry point function with a missing state machine."""
    aws = deployment.stack.client("lambda")
    variables = aws.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    missing_machine = {"STATE_MACHINE_ARN": f"{deployment.stack.state_machine_arn}-gone"}

    def configure(changes: dict[str, str]) -> None:
        aws.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables | changes}
        )

    configure(missing_machine)
    try:
        yield
    finally:
        configure({})


def message_count(deployment: Deployment, queue: str) -> int:
    response = deployment.stack.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(response["Attributes"]["ApproximateNumberOfMessages"])


def redrive(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `darkroom redrive` in a checkout."""
    return subprocess.run(
        [DARKROOM, "redrive", *options],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def checkout(deployment: Deployment, tmp_path: Path) -> Path:
    """A checkout whose local stack is the stack of the tests."""
    for name in ("template.yaml", "Makefile"):
        (tmp_path / name).touch()
    (tmp_path / ".local").mkdir()
    deployment.stack.write(tmp_path / ".local" / "stack.json")
    return tmp_path


def test_redrive_creates_one_job_after_the_repair(
    deployment: Deployment, resource_ids: dict[str, str], checkout: Path
) -> None:
    queue, prompt = resource_ids["DeadLetters"], "Redriven after the repair"
    sqs: Any = deployment.stack.client("sqs")
    with broken_entry_point(deployment, resource_ids["OnRequestFunction"]):
        event_id = deployment.request_job(prompt=prompt)
        until(lambda: message_count(deployment, queue) or None, seconds=60, what="the dead letter")
        failed = redrive(checkout)
    sqs.send_message(QueueUrl=queue, MessageBody=MALFORMED)

    dry_run = redrive(checkout, "--dry-run")
    redriven = redrive(checkout)

    assert failed.returncode == 1
    assert "failed again" in failed.stdout
    assert dry_run.returncode == 0, dry_run.stderr
    assert f"pending    {resource_ids['OnRequestFunction']}  event {event_id}" in dry_run.stdout
    assert redriven.returncode == 1  # the malformed one stays
    assert "1 delivered, 1 kept" in redriven.stdout
    assert prompt not in failed.stdout + dry_run.stdout + redriven.stdout
    assert deployment.wait_for_request(event_id)["detail-type"] == "JobCompleted"
    assert len(deployment.submits_with(prompt)) == 1
    remaining = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert [message["Body"] for message in remaining] == [MALFORMED]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=remaining[0]["ReceiptHandle"])
