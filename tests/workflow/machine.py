"""Hooks that make moto run the shipped state machine. Only this file uses private names of moto.

JSONata: moto has the syntax but no evaluator (getmoto/moto#10105). Lambda: Python callables instead
of containers. Time: waits, callback timeouts and retry delays use a simulated clock. Start: an
execution runs when the clock runs, instead of in a thread.
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
    CallbackOutcomeTimedOut,
)
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from tests.workflow.clock import Clock


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
        callback = state_task_service_callback.StateTaskServiceCallback
        patch.setattr(moto_jsonata, "_eval_jsonata", evaluate)
        patch.setattr(AmazonStateLanguageParser, "parse", staticmethod(parse))
        patch.setattr(lambda_eval_utils, "_invoke_lambda_function", self._invoke)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=clock.wait))
        patch.setattr(WaitFunction, "_wait_interval", self._wait)
        patch.setattr(callback, "_eval_wait_for_task_token", self._wait_for_token)
        # A closure instead of a bound method, so that it receives the worker.
        patch.setattr(
            ExecutionWorker, "start", lambda worker: clock.schedule(0, worker._execution_logic)
        )

    def run_pending(self) -> None:
        """Run every started execution to its end."""
        self._clock.run()

    def _wait(self, env: Any, wait_seconds: int) -> None:
        # AWS waits whole seconds, at least 1; a fraction would fail the execution.
        assert isinstance(wait_seconds, int)
        assert wait_seconds > 0
        self._clock.wait(wait_seconds, is_over=lambda: not env.is_running())

    def _wait_for_token(
        self,
        env: Any,
        timeout_seconds: int,
        callback_endpoint: CallbackEndpoint,
        heartbeat_endpoint: object,
    ) -> Any:
        def is_over() -> bool:
            return callback_endpoint.get_outcome() is not None or not env.is_running()

        self._clock.wait(timeout_seconds, is_over)
        callback_id = callback_endpoint.callback_id
        if not env.is_running():  # in moto, a timeout would undo the stop of the execution
            return CallbackOutcomeSuccess(callback_id, "{}")
        return callback_endpoint.get_outcome() or CallbackOutcomeTimedOut(callback_id)

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
