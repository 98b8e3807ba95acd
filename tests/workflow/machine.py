"""moto made to run the shipped state machine. Its private names are known in this file only.

Four things are put in: JSONata (moto has the syntax but no evaluator, getmoto/moto#10105), Lambda
(Python callables in place of containers), time (waits, callbacks' time-outs and retry delays are
those of a simulated clock) and executions that have not begun, which moto cannot be asked about.
test_machine.py fails when moto no longer needs one of them.
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

from tests.workflow.timeline import Clock

Callback = state_task_service_callback.StateTaskServiceCallback


class FunctionError(Exception):
    """What Lambda answers for a function that failed: a kind, and its own words."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message


_parse = AmazonStateLanguageParser.parse


@cache
def _tree(definition: str) -> Any:
    return _parse(definition)[1]


def parse(definition: str) -> tuple[Any, Any]:
    """Parse a definition once: to read it takes longer than to run it. What is run is made anew."""
    tree = _tree(definition)
    return Preprocessor().visit(tree), tree


class Machine:
    """The hooks in moto, for as long as `patch` lasts."""

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
        patch.setattr(Callback, "_wait_for_task_token_timeout", self._listen)
        patch.setattr(CallbackEndpoint, "notify", then(CallbackEndpoint.notify, clock.hurry))
        # Executions take turns when `run_pending` says so.
        patch.setattr(ExecutionWorker, "start", self._starter())
        patch.setattr(ExecutionWorker, "stop", then(ExecutionWorker.stop, self._hurry))

    def run_pending(self) -> None:
        """Run every started execution to its end."""
        self._clock.run()

    def time_out_after(self, seconds: float | None) -> None:
        """Let the machine's own time limit be over at the first wait that ends so late."""
        self._limit = seconds

    def _starter(self) -> Callable[[ExecutionWorker], None]:
        def start(worker: ExecutionWorker) -> None:
            worker.env = _NotBegun()  # type: ignore[assignment]
            self._clock.at(0, worker._execution_logic, key=worker)

        return start

    def _wait(self, env: Any, wait_seconds: int) -> None:
        # Real ones wait whole seconds, one or more; a fraction would fail the execution on AWS.
        assert isinstance(wait_seconds, int)
        assert wait_seconds > 0
        self._clock.wait(wait_seconds)
        if self._limit and self._clock.passed > self._limit:
            env.set_timed_out()

    def _listen(self, timeout_seconds: int, callback_endpoint: CallbackEndpoint) -> Any:
        if callback_endpoint.get_outcome() is None:
            self._clock.wait(timeout_seconds, key=callback_endpoint)
        if self._clock.owner in self._stopped:
            # For moto a time-out would undo the stop.
            return CallbackOutcomeSuccess(callback_endpoint.callback_id, "{}")
        return callback_endpoint.get_outcome()

    def _hurry(self, worker: object) -> None:
        self._stopped.add(worker)
        self._clock.hurry(worker)

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


class _NotBegun:
    """The environment of an execution that has not begun: no token is known to it."""

    def __init__(self) -> None:
        self.callback_pool_manager = SimpleNamespace(notify=lambda **_: False)


def then(method: Callable[..., None], after: Callable[[object], None]) -> Callable[..., None]:
    """Return a method that does something more with its object at the end."""

    def wrapped(owner: object, *given: Any, **named: Any) -> None:
        method(owner, *given, **named)
        after(owner)

    return wrapped


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
