"""Redeliver the dead letters of a stack. Every event keeps its id, so that this is idempotent."""

import functools
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from darkroom_cli.operator.stack import Stack

type Message = Mapping[str, Any]

WAIT_SECONDS = 1  # long polling: with 0, SQS queries only a subset of its servers
# Visibility timeout of received messages. If this process dies, they reappear after this time.
VISIBILITY_SECONDS = 3600


class UndeliverableError(Exception):
    """The reason why a message stays in the queue."""


@dataclass(frozen=True)
class DeadLetter:
    """An undelivered payload: the function or queue it is for and the reason of the failure."""

    target: str
    payload: Any
    reason: str
    is_callback: bool = False

    def __str__(self) -> str:
        """Return one line without the request's content, only its event id."""
        event = self.payload
        for name in ("detail", "id") if self.is_callback else ("id",):
            event = event.get(name) if isinstance(event, dict) else None
        return f"{self.target}  event {event or 'without id'}  {self.reason}"


class DeadLetters:
    """The dead-letter queue of a stack, and the stack's functions."""

    def __init__(self, stack: Stack) -> None:
        self._queue = stack.output("DeadLettersUrl")
        self._callbacks = stack.output("CallbacksUrl")
        self._functions = stack.functions()
        self._sqs, self._lambda = stack.client("sqs"), stack.client("lambda")
        self._rules = stack.client("events")

    def redrive(self, *, dry_run: bool, say: Callable[[str], None]) -> tuple[int, int]:
        """Deliver each message again; return the counts of delivered and kept messages.

        An event goes to its function. A callback returns to its queue, which tries for another day.
        `say` gets one line for each message. A dry run only lists the messages.
        """
        delivered, kept = 0, []
        try:
            for message in self._messages():
                kept.append(message)
                try:
                    dead_letter = self._open(message)
                    if dry_run:
                        say(f"pending    {dead_letter}")
                        continue
                    self._deliver(dead_letter)
                except UndeliverableError as error:
                    say(f"kept       message {message['MessageId']}: {error}")
                else:
                    receipt = kept.pop()["ReceiptHandle"]
                    self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=receipt)
                    delivered += 1
                    say(f"delivered  {dead_letter}")
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
        """Parse a message: of a rule without delivery, a failed invocation, or a callback."""
        attributes = {
            name: attribute.get("StringValue", "")
            for name, attribute in message.get("MessageAttributes", {}).items()
        }
        try:
            body = json.loads(message["Body"])
            if _is_callback(attributes, body):
                # Unlike EventBridge, SQS moves a message without a reason.
                reason = attributes.get("ERROR_CODE", "no attempt was accepted")
                return DeadLetter("callback", body, reason, is_callback=True)
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
        if dead_letter.is_callback:
            self._sqs.send_message(QueueUrl=self._callbacks, MessageBody=payload)
            return
        response = self._lambda.invoke(FunctionName=dead_letter.target, Payload=payload)
        if "FunctionError" in response:
            error = json.loads(response["Payload"].read())
            message = f"{error.get('errorType')}: {error.get('errorMessage')}"
            raise UndeliverableError(f"{dead_letter}, failed again: {message}")


def _is_callback(attributes: Mapping[str, str], body: Any) -> bool:
    """Return whether a message is for the queue of callbacks: from a rule, or from that queue."""
    if ":lambda:" in attributes.get("TARGET_ARN", "") or "requestContext" in body:
        return False
    return body["detail"].get("has_callback") is True


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
