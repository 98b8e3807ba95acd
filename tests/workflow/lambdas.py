"""Lambda: the real handlers, found through the template, with scripted faults."""

import importlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3

from tests.infra import iam
from tests.infra.iam import Request, reference
from tests.infra.template import functions, properties
from tests.workflow.machine import FunctionError
from tests.workflow.permissions import denied_calls

# AWS write operations of handlers; the POST to the provider is reported by the provider.
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

    def __init__(self, session: boto3.Session) -> None:
        self.on_effect: Callable[[str], None] = lambda _: None
        self.denied: list[str] = []  # requests that the role of the handler does not allow
        self.checked: set[tuple[str, str]] = set()  # functions, and the services that they called
        self._faults: dict[str, Iterator[Fault | None]] = {}
        self._running: list[tuple[str, str]] = []  # function and job id; a handler can be nested
        self._bucket = ""  # of the last call to S3
        _CURRENT[:] = [self]
        _register_hooks(session)

    @property
    def job_id(self) -> str:
        """The id of the job that the running handler processes."""
        return self._running[-1][1] if self._running else ""

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

    def report(self, effect: str) -> None:
        """Report an effect of the running handler, such as `Submit: before POST`."""
        if not self._running:
            return
        label = f"{self._running[-1][0].removesuffix('Function')}: {effect}"
        # Table requests of the test itself do not count for the handler.
        running, self._running = self._running, []
        try:
            self.on_effect(label)
        finally:
            self._running = running

    def check(self, service: str, operation: str, params: Any) -> None:
        """Check a call of the running handler against its role."""
        if self._running:
            function = self._running[-1][0]
            self.checked.add((function, service))
            self.denied += denied_calls(function, service, operation, params)
            self._bucket = params.get("Bucket", self._bucket)

    def hides_missing_objects(self) -> bool:
        """Return whether S3 denies the running handler access to a missing object.

        S3 answers 404 only to a role that may list the bucket.
        """
        request = Request("s3:ListBucket", f"arn:aws:s3:::{self._bucket}")
        return bool(self._running) and not iam.is_allowed(request, iam.role(self._running[-1][0]))

    def _run(self, name: str, payload: Any) -> Any:
        self._running.append((name, str(payload.get("job_id"))))
        try:
            return json.loads(json.dumps(_handler(name)(payload, _Context())))
        except KilledError:
            raise FunctionError("Runtime.ExitError") from None
        except Exception as error:
            raise FunctionError(type(error).__name__, str(error)) from error
        finally:
            self._running.pop()


# The session and its clients outlive a test; their events go to the Lambdas of the current test.
_CURRENT: list[Lambdas] = []


@cache
def _register_hooks(session: boto3.Session) -> None:
    for write in _WRITES:
        for phase in ("before-call", "after-call"):
            session.events.register(f"{phase}.{write}", _on_call)
    session.events.register("before-parameter-build", _on_params)
    for read in ("GetObject", "HeadObject"):
        session.events.register(f"after-call.s3.{read}", _on_read)
    session.events.register("before-call.lambda.Invoke", _on_invoke)


def _on_call(event_name: str, **_: Any) -> None:
    phase, _service, operation = event_name.split(".")
    _CURRENT[0].report(f"{phase.removesuffix('-call')} {operation}")


def _on_params(event_name: str, params: Any, **_: object) -> None:
    service, operation = event_name.split(".")[1:]
    _CURRENT[0].check(service, operation, params)


def _on_read(parsed: Any, **_: Any) -> None:
    error = parsed.get("Error", {})
    if error.get("Code") in ("NoSuchKey", "404") and _CURRENT[0].hides_missing_objects():
        error["Code"] = "403" if error["Code"] == "404" else "AccessDenied"
        parsed["ResponseMetadata"]["HTTPStatusCode"] = 403


def _on_invoke(params: Any, **_: Any) -> Any:
    """Run the function in place of the call of the AWS API."""
    name = params["url_path"].split("/")[3]
    (function,) = (f for f in functions() if reference(f) == name)
    response = _CURRENT[0].invoke(function, json.loads(params["body"]))
    payload = io.BytesIO(json.dumps(response).encode())
    return SimpleNamespace(status_code=200), {"Payload": payload}


class _Context:
    function_name = "function"
    aws_request_id = "request"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 600_000


def _handler(function: str) -> Any:
    module, _, name = properties(function)["Handler"].rpartition(".")
    return getattr(importlib.import_module(module), name)
