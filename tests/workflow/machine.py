"""moto made to run the shipped state machine. Its private names are known in this file only.

Three things are put in: JSONata (moto has the syntax but no evaluator, getmoto/moto#10105), Lambda
(Python callables in place of containers) and time (waits and retry delays advance a clock and
return at once). test_machine.py fails when moto no longer needs one of them.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import jsonata  # type: ignore[import-untyped]
import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class FunctionError(Exception):
    """What Lambda answers for a function that failed: a kind, and its own words."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message


class Clock:
    """The time that handlers and state machine share; it only moves when somebody waits."""

    def __init__(self) -> None:
        self.now = START
        self.waits: list[float] = []
        self.on_wait: Callable[[], None] = lambda: None

    def wait(self, seconds: float) -> None:
        # Time costs nothing here: a machine that goes round for ever would do so for ever.
        assert len(self.waits) < 1000, "this never ends"
        self.now += timedelta(seconds=seconds)
        self.waits.append(seconds)
        self.on_wait()


class Machine:
    """The hooks in moto, for as long as `patch` lasts."""

    def __init__(
        self, patch: pytest.MonkeyPatch, clock: Clock, invoke: Callable[[str, Any], Any]
    ) -> None:
        self._clock = clock
        self._lambda = invoke
        self._pending: list[ExecutionWorker] = []
        self._limit: float | None = None
        patch.setattr(moto_jsonata, "_eval_jsonata", evaluate)
        patch.setattr(lambda_eval_utils, "_invoke_lambda_function", self._invoke)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=clock.wait))
        patch.setattr(WaitFunction, "_wait_interval", self._wait)
        # Executions run when `run_pending` says so, in this thread: nothing here depends on luck.
        patch.setattr(ExecutionWorker, "start", lambda worker: self._pending.append(worker))

    def run_pending(self) -> None:
        """Run every started execution to its end."""
        while self._pending:
            worker = self._pending.pop(0)
            worker._execution_logic()  # type: ignore[no-untyped-call]

    def time_out_after(self, seconds: float | None) -> None:
        """Let the machine's own time limit be over at the first wait that ends so late."""
        self._limit = seconds

    def _wait(self, env: Any, wait_seconds: int) -> None:
        # Real ones wait whole seconds, one or more; a fraction would fail the execution on AWS.
        assert isinstance(wait_seconds, int)
        assert wait_seconds > 0
        self._clock.wait(wait_seconds)
        if self._limit and (self._clock.now - START).total_seconds() > self._limit:
            env.set_timed_out()

    def _invoke(self, parameters: dict[str, Any], region: str, state_credentials: Any) -> Any:
        payload = json.loads(parameters["Payload"])
        try:
            answer = self._lambda(parameters["FunctionName"], payload)
        except FunctionError as error:
            if error.kind == "TooManyRequestsException":
                raise _throttled(error) from None
            failure = {"errorType": error.kind, "errorMessage": error.message}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": failure}
        return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": answer}


def evaluate(expression: str) -> Any:
    """Evaluate JSONata into plain values: the library's own lists and maps are not."""
    return json.loads(json.dumps(jsonata.Jsonata(expression).evaluate(None)))


def _throttled(error: FunctionError) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": error.kind, "Message": "Rate Exceeded."},
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
