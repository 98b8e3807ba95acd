"""`make redrive`: what could not be handled is handled once its cause is mended, and once only."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import paths
from local.dead_letters import DeadLetters
from local.waiting import until
from tests.e2e.desk import Desk

MALFORMED = "A letter that no function wrote"


@pytest.fixture
def parts(desk: Desk) -> dict[str, str]:
    """Return the physical ids of what the stack consists of."""
    pages = desk.stack.client("cloudformation").get_paginator("list_stack_resources")
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages.paginate(StackName=desk.stack.stack_name)
        for resource in page["StackResourceSummaries"]
    }


@pytest.fixture(autouse=True)
def empty_queue(desk: Desk, parts: dict[str, str]) -> None:
    """Other tests of this stack may have left something there."""
    desk.stack.client("sqs").purge_queue(QueueUrl=parts["DeadLetters"])


@contextmanager
def broken(desk: Desk, function: str) -> Iterator[None]:
    """Have a door start executions of a machine that there is not."""
    aws = desk.stack.client("lambda")
    variables = aws.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    nowhere = {"STATE_MACHINE_ARN": f"{desk.stack.state_machine_arn}-gone"}

    def configure(more: dict[str, str]) -> None:
        aws.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables | more}
        )

    configure(nowhere)
    try:
        yield
    finally:
        configure({})


def waiting(desk: Desk, queue: str) -> int:
    answer = desk.stack.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def redrive(desk: Desk, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as make does, on the stack of these tests."""
    desk.stack.write(folder / "stack.json")
    program = (
        "import sys; from pathlib import Path; from local import dead_letters, paths;"
        f"paths.STACK_FILE = Path({str(folder / 'stack.json')!r}); sys.exit(dead_letters.main())"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=paths.ROOT,
        env={**os.environ, "PYTHONPATH": f"{paths.FUNCTIONS}:{paths.ROOT}", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_request_whose_door_was_broken_becomes_one_job_when_it_is_redriven(
    desk: Desk, parts: dict[str, str], tmp_path: Path
) -> None:
    queue, words = parts["DeadLetters"], "A picture of a door that was mended"
    sqs: Any = desk.stack.client("sqs")
    with broken(desk, parts["OnRequestFunction"]):
        event_id = desk.ask(prompt=words)
        until(lambda: waiting(desk, queue) or None, seconds=60, what="the dead letter")
        again = redrive(desk, tmp_path)
    sqs.send_message(QueueUrl=queue, MessageBody=MALFORMED)

    listed = redrive(desk, tmp_path, DRY_RUN="1")
    done = redrive(desk, tmp_path)

    assert again.returncode == 1
    assert "failed again" in again.stdout
    assert listed.returncode == 0, listed.stderr
    assert f"waits  {parts['OnRequestFunction']}  event {event_id}" in listed.stdout
    assert done.returncode == 1  # the malformed one stays
    assert "1 taken, 1 kept" in done.stdout
    assert words not in again.stdout + listed.stdout + done.stdout
    assert desk.outcome(event_id)["detail-type"] == "JobCompleted"
    assert len(desk.posts(words)) == 1
    left = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert [message["Body"] for message in left] == [MALFORMED]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=left[0]["ReceiptHandle"])


def test_what_has_become_a_job_already_becomes_no_other_when_it_is_redriven(
    desk: Desk, parts: dict[str, str]
) -> None:
    """A run that died after its work, and before it could say so."""
    words = "A picture that is asked for twice by one event"
    event_id = desk.ask(prompt=words)
    desk.outcome(event_id)
    events, bus = desk.stack.client("events"), desk.stack.event_bus
    target = f"arn:aws:lambda:us-east-1:000000000000:function:{parts['OnRequestFunction']}"
    told = {
        "RULE_ARN": next(
            rule["Arn"]
            for rule in events.list_rules(EventBusName=bus)["Rules"]
            if "JobRequested" in rule["Name"]
        ),
        "TARGET_ARN": target,
        "ERROR_CODE": "SDK_CLIENT_ERROR",
    }
    detail = {"operation": "text-to-image", "quality": "low", "resolution": "1k", "prompt": words}
    desk.stack.client("sqs").send_message(
        QueueUrl=parts["DeadLetters"],
        MessageBody=json.dumps(
            {"id": event_id, "detail-type": "JobRequested", "source": "a.b", "detail": detail}
        ),
        MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in told.items()},
    )

    taken = DeadLetters(desk.stack.client, desk.stack.stack_name).redrive(dry_run=False)

    assert taken == (1, 0)
    assert len(desk.posts(words)) == 1
