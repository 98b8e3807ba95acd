"""`python -m local.dead_letters`: what make redrive calls: delivers dead letters once more.

The stack is the one that `make up` keeps up in this clone, or, with STACK=…, one in the AWS
account that the environment's own credentials lead to. With DRY_RUN=1 they are only listed.
Every event keeps its id, so what was done already is not done again.
"""

import functools
import json
import operator
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from local import paths
from local.emulator import Emulator
from local.errors import LocalError
from local.options import read
from local.stack import Stack

type Client = Callable[[str], Any]
type Message = Mapping[str, Any]

WAIT_SECONDS = 1  # at 0, SQS asks only some of its servers
# So long no other reader gets a message; if this one dies, it comes back then.
HIDDEN_SECONDS = 3600
# A function may run for 15 minutes, and asked twice it is not faster.
PATIENT = Config(read_timeout=900, retries={"total_max_attempts": 1})


class RedriveOptions(BaseModel):
    """What a person may say, by variables named like the fields."""

    model_config = ConfigDict(frozen=True)

    dry_run: bool = False


class KeptError(Exception):
    """Why a message stays in the queue."""


@dataclass(frozen=True)
class Letter:
    """What a function of the stack was to be given, and why that came to nothing."""

    function: str
    payload: Any
    reason: str

    def __str__(self) -> str:
        """One line, with no more of what somebody asked for than its id."""
        event = self.payload.get("id") if isinstance(self.payload, dict) else None
        return f"{self.function}  event {event or 'without an id'}  {self.reason}"


class DeadLetters:
    """The queue of one stack, and the functions that its messages are for."""

    def __init__(self, client: Client, stack: str) -> None:
        self._sqs, self._lambda, self._rules = client("sqs"), client("lambda"), client("events")
        cloudformation = client("cloudformation")
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in found.get("Outputs", [])}
        if "DeadLettersUrl" not in outputs:
            raise LocalError(f"{stack}: that is no Darkroom, it has no output DeadLettersUrl")
        self._queue = outputs["DeadLettersUrl"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        self._functions = {
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        }

    def redrive(self, *, dry_run: bool) -> tuple[int, int]:
        """Give each message to its function; how many were taken, and how many stay."""
        taken, kept = 0, []
        try:
            for message in self._messages():
                kept.append(message)
                try:
                    letter = self._open(message)
                    if dry_run:
                        print(f"waits  {letter}")
                        continue
                    self._give(letter)
                except KeptError as error:
                    print(f"kept   message {message['MessageId']}: {error}")
                else:
                    receipt = kept.pop()["ReceiptHandle"]
                    self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=receipt)
                    taken += 1
                    print(f"taken  {letter}")
        finally:
            for message in kept:
                with suppress(ClientError):  # after HIDDEN_SECONDS it is back already
                    self._sqs.change_message_visibility(
                        QueueUrl=self._queue,
                        ReceiptHandle=message["ReceiptHandle"],
                        VisibilityTimeout=0,
                    )
        return taken, len(kept)

    def _messages(self) -> Iterator[Message]:
        """Every message in the queue, once."""
        seen: set[str] = set()
        while messages := self._receive():
            for message in messages:
                if message["MessageId"] not in seen:
                    seen.add(message["MessageId"])
                    yield message

    def _receive(self) -> list[Message]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue,
            MaxNumberOfMessages=1,  # so that none is hidden while others have their turn
            MessageAttributeNames=["All"],
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
        )
        return list(answer.get("Messages", []))

    def _open(self, message: Message) -> Letter:
        """Read an event that a rule could not deliver, or the record of a run that failed."""
        told = {
            name: attribute.get("StringValue", "")
            for name, attribute in message.get("MessageAttributes", {}).items()
        }
        try:
            body = json.loads(message["Body"])
            if "RULE_ARN" in told:
                arn, reason = told["TARGET_ARN"], told["ERROR_CODE"]
                payload = given(self._target(told["RULE_ARN"], arn), body)
            else:
                context, payload = body["requestContext"], body["requestPayload"]
                arn, reason = context["functionArn"], context["condition"]
            function = arn.split(":")[6]  # arn:aws:lambda:region:account:function:name:version
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            raise KeptError("it is no event of a rule's and no record of a failed run") from None
        # Who may write to the queue is not to choose what the reader's rights are used for.
        if function not in self._functions:
            raise KeptError(f"{arn} is no function of this stack")
        return Letter(function, payload, reason)

    def _target(self, rule: str, target: str) -> Mapping[str, Any]:
        """What a rule does for one of its targets."""
        # arn:aws:events:region:account:rule/bus/name; of the default bus, without its name
        bus, _, name = rule.split(":rule/")[1].rpartition("/")
        try:
            answer = self._rules.list_targets_by_rule(Rule=name, EventBusName=bus or "default")
        except self._rules.exceptions.ResourceNotFoundException:
            raise KeptError(f"its rule {name} is gone") from None
        for found in answer["Targets"]:
            if found["Arn"] == target:
                return dict(found)
        raise KeptError(f"its rule {name} has other targets now")

    def _give(self, letter: Letter) -> None:
        payload = json.dumps(letter.payload)
        answer = self._lambda.invoke(FunctionName=letter.function, Payload=payload)
        if "FunctionError" in answer:
            error = json.loads(answer["Payload"].read())
            said = f"{error.get('errorType')}: {error.get('errorMessage')}"
            raise KeptError(f"{letter}, and failed again: {said}")


def given(target: Mapping[str, Any], event: Any) -> Any:
    """What EventBridge gives a target of an event."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputTransformer" not in target:
        return event
    transformer = target["InputTransformer"]

    def value(placeholder: re.Match[str]) -> str:
        path = transformer["InputPathsMap"][placeholder[1]]  # such as $.detail.name
        return json.dumps(functools.reduce(operator.getitem, path.split(".")[1:], event))

    # In one go: what looks like a placeholder within a value is none.
    return json.loads(re.sub(r"<([\w.-]+)>", value, transformer["InputTemplate"]))


def target() -> tuple[Client, str]:
    """What makes clients, and the name of the stack."""
    name = os.environ.get("STACK")
    if name:
        return clients(boto3.Session(), None), name
    if not paths.STACK_FILE.exists():
        raise LocalError("no stack is up in this clone: `make up` first, or say STACK=name")
    stack = Stack.model_validate_json(paths.STACK_FILE.read_text())
    return clients(Emulator(stack.emulator_url).session, stack.emulator_url), stack.stack_name


def clients(session: Any, url: str | None) -> Client:
    """What makes clients of AWS, or of what answers at `url` in its place."""
    return lambda service: session.client(
        service, endpoint_url=url, config=PATIENT if service == "lambda" else None
    )


def main() -> int:
    """Run the command; 0, or 1 if something stays in the queue or with one sentence why not."""
    try:
        dry_run = read(RedriveOptions, os.environ).dry_run
        taken, kept = DeadLetters(*target()).redrive(dry_run=dry_run)
    except (LocalError, BotoCoreError, ClientError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    if dry_run:
        print(f"{kept} in the queue, and nothing was done")
        return 0
    print(f"{taken} taken, {kept} kept")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
