"""Hooks that make moto run the shipped state machine. Only this file uses private names of moto.

There are four hooks: JSONata (moto has the syntax but no evaluator, getmoto/moto#10105), Lambda
(Python callables instead of containers), time (waits, callback timeouts and retry delays use a
simulated clock), and executions that have not started, which moto cannot query.
test_machine.py fails when moto no longer needs one of the hooks.
"""

import json
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import jsonata  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackEndpoint,
    CallbackOutcomeSuccess,
)
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from tests.workflow.clock import Clock

Callback = state_task_service_callback.StateTaskServiceCallback


class FunctionError(Exception):
    """A failed invocation, with the error type and message that Lambda returns."""

    def __init__(self, error_type: str, message: str = "") -> None:
        super().__init__(error_type, message)
        self.error_type = error_type
        self.message = message


_parse = AmazonStateLanguageParser.parse


@cache
def _tree(definition: str) -> Any:
    return _parse(definition)[1]


def parse(definition: str) -> tuple[Any, Any]:
    """Parse a definition once, because parsing is slow; return a new program for each execution."""
    tree = _tree(definition)
    return Preprocessor().visit(tree), tree


class Machine:
    """Installs the hooks in moto for the lifetime of `patch`."""

    def __init__(
        self, patch: pytest.MonkeyPatch, clock: Clock, invoke: Callable[[str, Any], Any]
    ) -> None:
        self._clock = clock
        self._lambda = invoke
        self._limit: float | None = None
        self._stopped: set[object] = set()
        patch.setattr(moto_jsonata, "_eval_jsonata", evaluate)
        patch.setattr(AmazonStateLanguageParser, "parse", staticmethod(parse))
        patch.setattr(lambda_eval_utils, "_invoke_lambda_function", self._invoke)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=clock.wait))
        patch.setattr(WaitFunction, "_wait_interval", self._wait)
        patch.setattr(Callback, "_wait_for_task_token_timeout", self._wait_for_token)
        patch.setattr(
            CallbackEndpoint, "notify", with_callback(CallbackEndpoint.notify, clock.end_wait)
        )
        # `run_pending` runs the executions.
        patch.setattr(ExecutionWorker, "start", self._starter())
        patch.setattr(ExecutionWorker, "stop", with_callback(ExecutionWorker.stop, self._end_wait))

    def run_pending(self) -> None:
        """Run every started execution to its end."""
        self._clock.run()

    def time_out_after(self, seconds: float | None) -> None:
        """Time out the execution at the first wait that ends after so many seconds."""
        self._limit = seconds

    def _starter(self) -> Callable[[ExecutionWorker], None]:
        def start(worker: ExecutionWorker) -> None:
            worker.env = _NotStarted()  # type: ignore[assignment]
            self._clock.schedule(0, worker._execution_logic, key=worker)

        return start

    def _wait(self, env: Any, wait_seconds: int) -> None:
        # AWS waits whole seconds, at least 1; a fraction would fail the execution.
        assert isinstance(wait_seconds, int)
        assert wait_seconds > 0
        self._clock.wait(wait_seconds)
        if self._limit and self._clock.elapsed > self._limit:
            env.set_timed_out()

    def _wait_for_token(self, timeout_seconds: int, callback_endpoint: CallbackEndpoint) -> Any:
        if callback_endpoint.get_outcome() is None:
            self._clock.wait(timeout_seconds, key=callback_endpoint)
        if self._clock.current_key in self._stopped:
            # In moto, a timeout would undo the stop.
            return CallbackOutcomeSuccess(callback_endpoint.callback_id, "{}")
        return callback_endpoint.get_outcome()

    def _end_wait(self, worker: object) -> None:
        self._stopped.add(worker)
        self._clock.end_wait(worker)

    def _invoke(self, parameters: dict[str, Any], region: str, state_credentials: Any) -> Any:
        payload = json.loads(parameters["Payload"])
        try:
            response = self._lambda(parameters["FunctionName"], payload)
        except FunctionError as error:
            if error.error_type == "TooManyRequestsException":
                raise _throttled(error) from None
            failure = {"errorType": error.error_type, "errorMessage": error.message}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": failure}
        return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": response}


class _NotStarted:
    """The environment of an execution that has not started and so has no task tokens."""

    def __init__(self) -> None:
        self.callback_pool_manager = SimpleNamespace(notify=lambda **_: False)


def with_callback(
    method: Callable[..., None], after: Callable[[object], None]
) -> Callable[..., None]:
    """Return a method that calls `after` with its object at the end."""

    def wrapped(owner: object, *args: Any, **kwargs: Any) -> None:
        method(owner, *args, **kwargs)
        after(owner)

    return wrapped


def evaluate(expression: str) -> Any:
    """Evaluate JSONata; convert the lists and maps of the library to plain values."""
    return json.loads(json.dumps(jsonata.Jsonata(expression).evaluate(None)))


def _throttled(error: FunctionError) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": error.error_type, "Message": "Rate Exceeded."},
            "ResponseMetadata": {
                "HTTPStatusCode": 429,
                "RequestId": "throttled",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "Invoke",
    )
