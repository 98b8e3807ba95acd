"""Lambda: the real handlers, found through the template, with scripted faults."""

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
from tests.workflow.permissions import denied_requests

# AWS write operations of handlers; the POST to the provider is recorded separately.
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
    """A fault of an invocation."""

    CRASH_BEFORE = "crash before"  # crashes without any effect
    CRASH_AFTER = "crash after"  # crashes after all effects
    TIMEOUT = "timeout"  # times out after all effects
    THROTTLED = "throttled"  # is not started


class KilledError(BaseException):
    """The sandbox ends within a handler; not caught by `except Exception`."""


class Lambdas:
    """Invokes functions by logical id, with scripted faults."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.on_effect: Callable[[str], None] = lambda _: None
        self.on_records: Callable[[set[str]], None] = lambda _: None
        self.refused_events = 0
        self.denied: list[str] = []  # requests without a permission in the template
        self._faults: dict[str, Iterator[Fault | None]] = {}
        self._thread_state = threading.local()  # each execution runs in its own thread

    @property
    def job_id(self) -> str:
        """The id of the job that the running handler processes."""
        return str(self._running[-1][1]) if self._running else ""

    @property
    def is_running(self) -> bool:
        """Whether a handler is running."""
        return bool(self._running)

    def faults(self, function: str, faults: Iterable[Fault | None]) -> None:
        """Script the faults of the next invocations of a function."""
        self._faults[function] = iter(faults)

    def invoke(self, function: str, payload: Any) -> Any:
        """Run the handler or raise the scripted fault; `function` can be an ARN."""
        name = function.rsplit(":", 1)[-1]
        fault = next(self._faults.get(name, iter(())), None)
        if fault is Fault.THROTTLED:
            raise FunctionError("TooManyRequestsException")
        if fault is Fault.CRASH_BEFORE:
            raise FunctionError("Runtime.ExitError")
        response = self._run(name, payload)
        if fault is Fault.CRASH_AFTER:
            raise FunctionError("Runtime.ExitError")
        if fault is Fault.TIMEOUT:
            raise FunctionError("Sandbox.Timedout")
        return response

    def deliver(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke with the asynchronous retries of the template; return None if all fail."""
        attempts = 1 + properties(function)["EventInvokeConfig"]["MaximumRetryAttempts"]
        for _ in range(attempts):
            try:
                return self.invoke(function, event)
            except FunctionError:
                continue
        return None

    def watch(self, session: boto3.Session) -> None:
        """Record all writes of handlers through the clients of the session."""
        _CURRENT[:] = [self]
        _register_hooks(session)

    def record_write(self, name: str) -> None:
        """Record a write of the running handler, before or after it."""
        if self._running:
            label = self._label(name)
            self.effects.append(label)
            self._run_callback(lambda: self.on_effect(label))

    def report_read(self, name: str) -> None:
        """Report a read of the running handler, before or after it."""
        label = self._label(name)
        self._run_callback(lambda: self.on_effect(label))

    def _run_callback(self, callback: Callable[[], None]) -> None:
        """Run a callback of the test; its table requests do not count for the handler."""
        running, self._thread_state.running = self._running, []
        try:
            callback()
        finally:
            self._thread_state.running = running

    def _label(self, name: str) -> str:
        return f"{self._running[-1][0].removesuffix('Function')}: {name}"

    @property
    def _running(self) -> list[tuple[str, Any]]:
        running: list[tuple[str, Any]] = self._thread_state.__dict__.setdefault("running", [])
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
        """Record table requests of the running handler that the template does not permit."""
        if self._running:
            operation = event_name.rsplit(".", 1)[-1]
            self.denied += denied_requests(self._running[-1][0], operation, params["body"])

    def on_call(self, event_name: str, context: dict[str, Any], **call: Any) -> None:
        """Record a write of the running handler, before or after it."""
        phase, _, operation = event_name.split(".")
        if phase == "before-call":
            context["records"] = _job_ids(call["params"]["body"])
        elif "Error" not in call["parsed"] and self._running:
            self._run_callback(lambda: self.on_records(context["records"]))
        if phase == "after-call" and operation == "PutEvents" and self.refused_events:
            self.refused_events -= 1
            call["parsed"].update(FailedEntryCount=1, Entries=[{"ErrorCode": "InternalFailure"}])
        self.record_write(f"{phase.removesuffix('-call')} {operation}")


# The session outlives a test; its events go to the Lambdas of the current test.
_CURRENT: list[Lambdas] = []


@cache
def _register_hooks(session: boto3.Session) -> None:
    for write in _WRITES:
        for phase in ("before-call", "after-call"):
            session.events.register(f"{phase}.{write}", _on_call)
    session.events.register("before-call.dynamodb", _on_table)


def _on_call(**call: Any) -> None:
    _CURRENT[0].on_call(**call)


def _on_table(**call: Any) -> None:
    _CURRENT[0].on_table(**call)


def _job_ids(body: Any) -> set[str]:
    """Return the ids of the jobs whose records a request writes."""
    try:
        request = json.loads(body)
    except (TypeError, ValueError):
        return set()
    parts = request.get("TransactItems")
    items = [request] if parts is None else [next(iter(part.values())) for part in parts]
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
