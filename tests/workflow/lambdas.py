"""Lambda: the real handlers, found through the template, and the ways in which they can die."""

import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

import boto3

from tests.infra.template import properties
from tests.workflow.machine import FunctionError

# What a handler changes in the world, besides the POST.
_WRITES = ("dynamodb.PutItem", "dynamodb.UpdateItem", "s3.PutObject", "events.PutEvents")


class Fault(StrEnum):
    """How an invocation goes wrong."""

    CRASH_BEFORE = "crash before"  # it dies and has done nothing
    CRASH_AFTER = "crash after"  # it dies and has done everything
    TIMEOUT = "timeout"  # the same, by its time limit
    THROTTLED = "throttled"  # it never starts


class KilledError(BaseException):
    """The sandbox is gone in the middle of a handler, past every `except Exception`."""


class Lambdas:
    """Runs functions by their logical ids, with scripted faults."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.statuses: list[str] = []
        self.on_effect: Callable[[str], None] = lambda _: None
        self.refused_events = 0
        self._faults: dict[str, Iterator[Fault | None]] = {}
        self._running: list[str] = []

    def faults(self, function: str, faults: Iterable[Fault | None]) -> None:
        """Script what happens to the next invocations of a function."""
        self._faults[function] = iter(faults)

    def invoke(self, function: str, payload: Any) -> Any:
        """Run the handler, or let the scripted fault happen; `function` may be an ARN."""
        name = function.rsplit(":", 1)[-1]
        fault = next(self._faults.get(name, iter(())), None)
        if fault is Fault.THROTTLED:
            raise FunctionError("TooManyRequestsException")
        if fault is Fault.CRASH_BEFORE:
            raise FunctionError("Runtime.ExitError")
        answer = self._run(name, payload)
        if fault is Fault.CRASH_AFTER:
            raise FunctionError("Runtime.ExitError")
        if fault is Fault.TIMEOUT:
            raise FunctionError("Sandbox.Timedout")
        return answer

    def deliver(self, function: str, event: dict[str, Any]) -> None:
        """Invoke asynchronously: as often again as the template says."""
        tries = 1 + properties(function)["EventInvokeConfig"]["MaximumRetryAttempts"]
        for _ in range(tries):
            try:
                self.invoke(function, event)
            except FunctionError:
                continue
            return

    def watch(self, session: boto3.Session) -> None:
        """Note every write that handlers make through the session's clients."""
        for write in _WRITES:
            for moment in ("before-call", "after-call"):
                # By one id: the session outlives a test, and then the next one's handler counts.
                name = f"{moment}.{write}"
                session.events.unregister(name, unique_id="effects")
                session.events.register(name, self._on_call, unique_id="effects")

    def effect(self, name: str) -> None:
        """Note that the running handler is about to change the world, or just has."""
        if self._running:
            effect = f"{self._running[-1].removesuffix('Function')}: {name}"
            self.effects.append(effect)
            self.on_effect(effect)

    def _run(self, name: str, payload: Any) -> Any:
        self._running.append(name)
        try:
            return json.loads(json.dumps(_handler(name)(payload, _Context())))
        except KilledError:
            raise FunctionError("Runtime.ExitError") from None
        except Exception as error:
            raise FunctionError(type(error).__name__, str(error)) from error
        finally:
            self._running.pop()

    def _on_call(self, event_name: str, **call: Any) -> None:
        moment, _, operation = event_name.split(".")
        if moment == "after-call" and operation == "UpdateItem":
            status = call["parsed"].get("Attributes", {}).get("status", {}).get("S")
            if status and self.statuses[-1:] != [status]:
                self.statuses.append(status)
        if moment == "after-call" and operation == "PutEvents" and self.refused_events:
            self.refused_events -= 1
            call["parsed"].update(FailedEntryCount=1, Entries=[{"ErrorCode": "InternalFailure"}])
        self.effect(f"{moment.removesuffix('-call')} {operation}")


class _Context:
    function_name = "function"
    aws_request_id = "request"


def _handler(function: str) -> Any:
    module, _, name = properties(function)["Handler"].rpartition(".")
    return getattr(importlib.import_module(module), name)
