"""Lambda: the real handlers, found through the template, and the ways in which they can die."""

import importlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any

import boto3

from tests.infra.template import properties
from tests.workflow.machine import FunctionError
from tests.workflow.rights import refused

# What a handler changes in the world, besides the POST.
_WRITES = (
    "dynamodb.PutItem",
    "dynamodb.UpdateItem",
    "dynamodb.TransactWriteItems",
    "s3.PutObject",
    "events.PutEvents",
    "sfn.StartExecution",
    "sfn.SendTaskSuccess",
)


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
        self.on_effect: Callable[[str], None] = lambda _: None
        self.on_records: Callable[[set[str]], None] = lambda _: None
        self.refused_events = 0
        self.refused: list[str] = []  # what the template gives no right to
        self._faults: dict[str, Iterator[Fault | None]] = {}
        self._here = threading.local()  # each execution's functions run in their own thread

    @property
    def job_id(self) -> str:
        """Whose job the running handler works on."""
        return str(self._running[-1][1]) if self._running else ""

    @property
    def is_running(self) -> bool:
        """Whether a handler runs."""
        return bool(self._running)

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

    def deliver(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke asynchronously: as often again as the template says; None if all tries failed."""
        tries = 1 + properties(function)["EventInvokeConfig"]["MaximumRetryAttempts"]
        for _ in range(tries):
            try:
                return self.invoke(function, event)
            except FunctionError:
                continue
        return None

    def watch(self, session: boto3.Session) -> None:
        """Note every write that handlers make through the session's clients, from now on."""
        _WATCHING[:] = [self]
        _listen(session)

    def effect(self, name: str) -> None:
        """Note that the running handler is about to change the world, or just has."""
        if self._running:
            told = self._told(name)
            self.effects.append(told)
            self._tell(lambda: self.on_effect(told))

    def moment(self, name: str) -> None:
        """Note that the running handler is about to look at the world, or just has."""
        told = self._told(name)
        self._tell(lambda: self.on_effect(told))

    def _tell(self, told: Callable[[], None]) -> None:
        """Let the test do something: what it asks of the table is not the handler's doing."""
        running, self._here.running = self._running, []
        try:
            told()
        finally:
            self._here.running = running

    def _told(self, name: str) -> str:
        return f"{self._running[-1][0].removesuffix('Function')}: {name}"

    @property
    def _running(self) -> list[tuple[str, Any]]:
        running: list[tuple[str, Any]] = self._here.__dict__.setdefault("running", [])
        return running

    def _run(self, name: str, payload: Any) -> Any:
        self._running.append((name, payload.get("job_id")))
        try:
            return json.loads(json.dumps(_handler(name)(payload, _Context())))
        except KilledError:
            raise FunctionError("Runtime.ExitError") from None
        except Exception as error:
            raise FunctionError(type(error).__name__, str(error)) from error
        finally:
            self._running.pop()

    def on_table(self, event_name: str, params: dict[str, Any], **_: Any) -> None:
        """Note what the running handler has no right to ask of the table."""
        if self._running:
            operation = event_name.rsplit(".", 1)[-1]
            self.refused += refused(self._running[-1][0], operation, params["body"])

    def on_call(self, event_name: str, context: dict[str, Any], **call: Any) -> None:
        """Note that the running handler is about to write, or has written."""
        moment, _, operation = event_name.split(".")
        if moment == "before-call":
            context["records"] = _records(call["params"]["body"])
        elif "Error" not in call["parsed"] and self._running:
            self._tell(lambda: self.on_records(context["records"]))
        if moment == "after-call" and operation == "PutEvents" and self.refused_events:
            self.refused_events -= 1
            call["parsed"].update(FailedEntryCount=1, Entries=[{"ErrorCode": "InternalFailure"}])
        self.effect(f"{moment.removesuffix('-call')} {operation}")


# The session and its clients outlive a test: what they do is told to who watches now.
_WATCHING: list[Lambdas] = []


@cache
def _listen(session: boto3.Session) -> None:
    for write in _WRITES:
        for moment in ("before-call", "after-call"):
            session.events.register(f"{moment}.{write}", _on_call)
    session.events.register("before-call.dynamodb", _on_table)


def _on_call(**call: Any) -> None:
    _WATCHING[0].on_call(**call)


def _on_table(**call: Any) -> None:
    _WATCHING[0].on_table(**call)


def _records(sent: Any) -> set[str]:
    """Return the ids of the jobs whose records a call names as its own, in its keys and items."""
    try:
        asked = json.loads(sent)
    except (TypeError, ValueError):
        return set()
    parts = asked.get("TransactItems")
    items = [asked] if parts is None else [next(iter(part.values())) for part in parts]
    keys = [item.get("Key") or item.get("Item") or {} for item in items]
    names = [key["pk"]["S"] for key in keys if "pk" in key]
    return {name.removeprefix("JOB#") for name in names if name.startswith("JOB#")}


class _Context:
    function_name = "function"
    aws_request_id = "request"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 600_000


def _handler(function: str) -> Any:
    module, _, name = properties(function)["Handler"].rpartition(".")
    return getattr(importlib.import_module(module), name)
