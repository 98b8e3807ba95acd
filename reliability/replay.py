"""Deliver events again, late and out of order, as EventBridge may."""

import json
import random
import secrets
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from local.events import Event
from local.stack import Stack
from reliability.functions import Functions

MAX_MESSAGES = 10  # the maximum of one SQS call
PATTERN = {"detail-type": ["JobRequested"]}


class RequestRecorder:
    """Records the JobRequested events on the stack's bus, exactly as rules deliver them.

    with RequestRecorder(stack) as recorder:
        ...
        deliver(functions, "OnRequest", duplicate_and_shuffle(recorder.receive(3), seed=7))
    """

    def __init__(self, stack: Stack) -> None:
        self.events: list[Event] = []
        self._sqs = stack.client("sqs")
        self._rules = stack.client("events")
        self._bus = stack.event_bus
        self._name = f"recorder-{secrets.token_hex(6)}"

    def __enter__(self) -> Self:
        self._queue = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
        bus = {"EventBusName": self._bus}
        self._rules.put_rule(Name=self._name, EventPattern=json.dumps(PATTERN), **bus)
        self._rules.put_targets(Rule=self._name, Targets=[target], **bus)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        bus = {"EventBusName": self._bus}
        self._rules.remove_targets(Rule=self._name, Ids=["queue"], **bus)
        self._rules.delete_rule(Name=self._name, **bus)
        self._sqs.delete_queue(QueueUrl=self._queue)

    def receive(self, count: int, *, seconds: float = 10) -> list[Event]:
        """Wait for `count` events in total, for at most `seconds`. Return all since the start."""
        deadline = time.monotonic() + seconds
        while len(self.events) < count and time.monotonic() < deadline:
            response = self._sqs.receive_message(
                QueueUrl=self._queue, MaxNumberOfMessages=MAX_MESSAGES, WaitTimeSeconds=1
            )
            for message in response.get("Messages", []):
                handle = message["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=handle)
                self.events.append(json.loads(message["Body"]))
        return list(self.events)


def duplicate_and_shuffle(
    events: Sequence[Event], *, copies: int = 2, seed: int = 0
) -> list[Event]:
    """Return each event `copies` times, with the same id, in random order."""
    duplicates = [event for event in events for _ in range(copies)]
    random.Random(seed).shuffle(duplicates)  # noqa: S311 - repeatable on purpose
    return duplicates


def deliver(functions: Functions, name: str, events: Sequence[Event]) -> None:
    """Invoke a function with each event as a rule does: asynchronously, with Lambda's retries."""
    for event in events:
        functions.invoke(name, event, kind="Event")
