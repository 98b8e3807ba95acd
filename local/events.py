"""Receive Darkroom's events through a temporary rule and queue, and publish requests."""

import json
import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from darkroom.adapters.event_bus import SOURCE
from local.errors import LocalError
from local.stack import Stack

type Event = dict[str, Any]

MAX_MESSAGES = 10  # the SQS maximum per call


class Listener:
    """Collects Darkroom's events from the moment it is entered, each event id once."""

    def __init__(self, stack: Stack) -> None:
        self.events: list[Event] = []
        self._ids: set[str] = set()
        self._sqs = stack.client("sqs")
        self._bus = stack.client("events")
        self._bus_name = stack.event_bus
        self._name = f"listener-{secrets.token_hex(6)}"

    def __enter__(self) -> Self:
        self._queue = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._queue, AttributeNames=["QueueArn"]
        )
        arn = attributes["Attributes"]["QueueArn"]
        pattern = json.dumps({"source": [SOURCE]})
        self._bus.put_rule(Name=self._name, EventBusName=self._bus_name, EventPattern=pattern)
        self._bus.put_targets(
            Rule=self._name, EventBusName=self._bus_name, Targets=[{"Id": "queue", "Arn": arn}]
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bus.remove_targets(Rule=self._name, EventBusName=self._bus_name, Ids=["queue"])
        self._bus.delete_rule(Name=self._name, EventBusName=self._bus_name)
        self._sqs.delete_queue(QueueUrl=self._queue)

    def receive(self, seconds: int = 1) -> list[Event]:
        """Return the new events; wait at most `seconds` (0 to 20) for the first one."""
        response = self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=MAX_MESSAGES, WaitTimeSeconds=seconds
        )
        fresh: list[Event] = []
        for message in response.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
            event: Event = json.loads(message["Body"])
            if event["detail"]["id"] not in self._ids:
                self._ids.add(event["detail"]["id"])
                fresh.append(event)
        self.events += fresh
        return fresh

    def wait_for(self, matches: Callable[[Event], bool], *, seconds: float, what: str) -> Event:
        """Return the first event, past or future, that matches. Raises LocalError on a timeout."""
        deadline = time.monotonic() + seconds
        while (event := next(filter(matches, self.events), None)) is None:
            if time.monotonic() >= deadline:
                raise LocalError(f"timed out after {seconds:g} seconds waiting for {what}")
            self.receive()
        return event


def put(stack: Stack, detail: object, *, source: str = "darkroom.demo") -> str:
    """Publish JobRequested and return the id of the event."""
    entry = {
        "EventBusName": stack.event_bus,
        "Source": source,
        "DetailType": "JobRequested",
        "Detail": json.dumps(detail),
    }
    response = stack.client("events").put_events(Entries=[entry])
    if response["FailedEntryCount"]:
        raise LocalError(f"the bus refused the event: {response['Entries'][0]}")
    return str(response["Entries"][0]["EventId"])
