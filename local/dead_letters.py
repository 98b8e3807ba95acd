"""`python -m local.dead_letters`: the command of `make redrive`, which redelivers dead letters.

The default stack is the one that `make up` runs in this clone. STACK=… selects a stack in the AWS
account of the environment's credentials. DRY_RUN=1 only lists the messages. Every event keeps its
id, so a redelivery is idempotent.
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

WAIT_SECONDS = 1  # long polling: with 0, SQS queries only a subset of its servers
# Visibility timeout of received messages. If this process dies, they reappear after this time.
VISIBILITY_SECONDS = 3600
# A function may run for 15 minutes; a retry would invoke it a second time.
INVOKE_CONFIG = Config(read_timeout=900, retries={"total_max_attempts": 1})


class RedriveOptions(BaseModel):
    """The options, read from environment variables with the names of the fields."""

    model_config = ConfigDict(frozen=True)

    dry_run: bool = False


class UndeliverableError(Exception):
    """The reason why a message stays in the queue."""


@dataclass(frozen=True)
class DeadLetter:
    """An undelivered payload: the function it is for and the reason of the failure."""

    function: str
    payload: Any
    reason: str

    def __str__(self) -> str:
        """Return one line without the request's content, only its event id."""
        event = self.payload.get("id") if isinstance(self.payload, dict) else None
        return f"{self.function}  event {event or 'without id'}  {self.reason}"


class DeadLetters:
    """The dead-letter queue of one stack and the functions of this stack."""

    def __init__(self, client: Client, stack: str) -> None:
        self._sqs, self._lambda, self._rules = client("sqs"), client("lambda"), client("events")
        cloudformation = client("cloudformation")
        description = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        outputs = {o["OutputKey"]: o["OutputValue"] for o in description.get("Outputs", [])}
        if "DeadLettersUrl" not in outputs:
            raise LocalError(f"{stack} is not a Darkroom stack: it has no output DeadLettersUrl")
        self._queue = outputs["DeadLettersUrl"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        self._functions = {
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        }

    def redrive(self, *, dry_run: bool) -> tuple[int, int]:
        """Invoke the function of each message; return the counts of delivered and kept messages."""
        delivered, kept = 0, []
        try:
            for message in self._messages():
                kept.append(message)
                try:
                    dead_letter = self._open(message)
                    if dry_run:
                        print(f"pending    {dead_letter}")
                        continue
                    self._deliver(dead_letter)
                except UndeliverableError as error:
                    print(f"kept       message {message['MessageId']}: {error}")
                else:
                    receipt = kept.pop()["ReceiptHandle"]
                    self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=receipt)
                    delivered += 1
                    print(f"delivered  {dead_letter}")
        finally:
            for message in kept:
                with suppress(ClientError):  # visible again after VISIBILITY_SECONDS
                    self._sqs.change_message_visibility(
                        QueueUrl=self._queue,
                        ReceiptHandle=message["ReceiptHandle"],
                        VisibilityTimeout=0,
                    )
        return delivered, len(kept)

    def _messages(self) -> Iterator[Message]:
        """Yield every message of the queue once."""
        received: set[str] = set()
        while messages := self._receive():
            for message in messages:
                if message["MessageId"] not in received:
                    received.add(message["MessageId"])
                    yield message

    def _receive(self) -> list[Message]:
        response = self._sqs.receive_message(
            QueueUrl=self._queue,
            MaxNumberOfMessages=1,  # later messages keep their full visibility timeout
            MessageAttributeNames=["All"],
            VisibilityTimeout=VISIBILITY_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
        )
        return list(response.get("Messages", []))

    def _open(self, message: Message) -> DeadLetter:
        """Parse an event that a rule could not deliver, or the record of a failed invocation."""
        attributes = {
            name: attribute.get("StringValue", "")
            for name, attribute in message.get("MessageAttributes", {}).items()
        }
        try:
            body = json.loads(message["Body"])
            if "RULE_ARN" in attributes:
                arn, reason = attributes["TARGET_ARN"], attributes["ERROR_CODE"]
                payload = target_payload(self._target(attributes["RULE_ARN"], arn), body)
            else:
                context, payload = body["requestContext"], body["requestPayload"]
                arn, reason = context["functionArn"], context["condition"]
            function = arn.split(":")[6]  # arn:aws:lambda:region:account:function:name:version
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            raise UndeliverableError(
                "neither an event of a rule nor the record of a failed invocation"
            ) from None
        # Write access to the queue must not allow invoking other functions with these credentials.
        if function not in self._functions:
            raise UndeliverableError(f"{arn} is not a function of this stack")
        return DeadLetter(function, payload, reason)

    def _target(self, rule: str, target: str) -> Mapping[str, Any]:
        """Return the configuration of a rule's target."""
        # arn:aws:events:region:account:rule/bus/name; the default bus has no name in the ARN
        bus, _, name = rule.split(":rule/")[1].rpartition("/")
        try:
            response = self._rules.list_targets_by_rule(Rule=name, EventBusName=bus or "default")
        except self._rules.exceptions.ResourceNotFoundException:
            raise UndeliverableError(f"its rule {name} no longer exists") from None
        for configuration in response["Targets"]:
            if configuration["Arn"] == target:
                return dict(configuration)
        raise UndeliverableError(f"its rule {name} no longer has this target")

    def _deliver(self, dead_letter: DeadLetter) -> None:
        payload = json.dumps(dead_letter.payload)
        response = self._lambda.invoke(FunctionName=dead_letter.function, Payload=payload)
        if "FunctionError" in response:
            error = json.loads(response["Payload"].read())
            message = f"{error.get('errorType')}: {error.get('errorMessage')}"
            raise UndeliverableError(f"{dead_letter}, failed again: {message}")


def target_payload(target: Mapping[str, Any], event: Any) -> Any:
    """Return the payload that EventBridge sends to a target for an event."""
    if "Input" in target:
        return json.loads(target["Input"])
    if "InputTransformer" not in target:
        return event
    transformer = target["InputTransformer"]

    def value(placeholder: re.Match[str]) -> str:
        path = transformer["InputPathsMap"][placeholder[1]]  # such as $.detail.name
        return json.dumps(functools.reduce(operator.getitem, path.split(".")[1:], event))

    # One pass: placeholder-like text in a substituted value is not expanded.
    return json.loads(re.sub(r"<([\w.-]+)>", value, transformer["InputTemplate"]))


def target() -> tuple[Client, str]:
    """Return a client factory and the name of the stack."""
    name = os.environ.get("STACK")
    if name:
        return clients(boto3.Session(), None), name
    if not paths.STACK_FILE.exists():
        raise LocalError("no stack is up in this clone: run `make up` or set STACK=name")
    stack = Stack.model_validate_json(paths.STACK_FILE.read_text())
    return clients(Emulator(stack.emulator_url).session, stack.emulator_url), stack.stack_name


def clients(session: Any, url: str | None) -> Client:
    """Return a factory of boto3 clients for AWS, or for an emulator at `url`."""
    return lambda service: session.client(
        service, endpoint_url=url, config=INVOKE_CONFIG if service == "lambda" else None
    )


def main() -> int:
    """Run the command and return its exit code; 1 after an error or if messages were kept."""
    try:
        dry_run = read(RedriveOptions, os.environ).dry_run
        delivered, kept = DeadLetters(*target()).redrive(dry_run=dry_run)
    except (LocalError, BotoCoreError, ClientError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    if dry_run:
        print(f"{kept} messages in the queue; dry run, nothing delivered")
        return 0
    print(f"{delivered} delivered, {kept} kept")
    return 1 if kept else 0


if __name__ == "__main__":
    sys.exit(main())
