"""Tells functions of things again, late and out of order, as S3 and EventBridge may."""

import json
import random
import secrets
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from local.events import Event
from local.stack import Stack
from reliability.functions import Functions

MAX_MESSAGES = 10  # SQS hands out no more a call
UPLOADS = {"source": ["aws.s3"], "detail-type": ["Object Created"]}
REQUESTS = {"detail-type": ["JobRequested"]}
DEFAULT_BUS = "default"


class Recorder:
    """Keeps the events of a bus that fit a pattern, from its start, exactly as rules deliver them.

    with Recorder.of_uploads(stack) as uploads, Recorder.of_requests(stack) as requests:
        …
        deliver(functions, "OnUpload", disorder(uploads.receive(3), copies=3, seed=7))
    """

    def __init__(self, stack: Stack, bus: str, pattern: dict[str, Any]) -> None:
        self.events: list[Event] = []
        self._sqs = stack.client("sqs")
        self._rules = stack.client("events")
        self._bus = bus
        self._pattern = pattern
        self._name = f"recorder-{secrets.token_hex(6)}"

    @classmethod
    def of_uploads(cls, stack: Stack) -> Self:
        """One of what S3 tells of the inbox."""
        detail = {"bucket": {"name": [stack.inbox_bucket]}}
        return cls(stack, DEFAULT_BUS, {**UPLOADS, "detail": detail})

    @classmethod
    def of_requests(cls, stack: Stack) -> Self:
        """One of the requests on the stack's bus."""
        return cls(stack, stack.event_bus, REQUESTS)

    def __enter__(self) -> Self:
        self._queue = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
        where = {"EventBusName": self._bus}
        self._rules.put_rule(Name=self._name, EventPattern=json.dumps(self._pattern), **where)
        self._rules.put_targets(Rule=self._name, Targets=[target], **where)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        where = {"EventBusName": self._bus}
        self._rules.remove_targets(Rule=self._name, Ids=["queue"], **where)
        self._rules.delete_rule(Name=self._name, **where)
        self._sqs.delete_queue(QueueUrl=self._queue)

    def receive(self, count: int, *, seconds: float = 10) -> list[Event]:
        """All events since the start: at least so many, if they come within this time."""
        give_up_at = time.monotonic() + seconds
        while len(self.events) < count and time.monotonic() < give_up_at:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue, MaxNumberOfMessages=MAX_MESSAGES, WaitTimeSeconds=1
            )
            for message in answer.get("Messages", []):
                handle = message["ReceiptHandle"]
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=handle)
                self.events.append(json.loads(message["Body"]))
        return list(self.events)


def disorder(events: Sequence[Event], *, copies: int = 2, seed: int = 0) -> list[Event]:
    """Each event so many times, all of them shuffled; a copy is the same event with the same id."""
    told = [event for event in events for _ in range(copies)]
    random.Random(seed).shuffle(told)  # noqa: S311 - repeatable on purpose
    return told


def deliver(functions: Functions, name: str, events: Sequence[Event]) -> None:
    """Invoke a function with events as a rule does: asynchronously, with retries, not waiting."""
    for event in events:
        functions.invoke(name, event, kind="Event")
