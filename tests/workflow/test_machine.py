"""Each hook in moto has a reason; these tests fail when a hook is no longer needed."""

import json
import time
from datetime import timedelta
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from tests.workflow.clock import START, Clock
from tests.workflow.cloud import Cloud
from tests.workflow.machine import evaluate
from tests.workflow.responses import error_response


def test_moto_has_no_jsonata_evaluator() -> None:
    assert moto_jsonata._eval_jsonata is None
    with pytest.raises(TypeError):
        moto_jsonata.eval_jsonata_expression("1 + 1")


def test_moto_does_not_run_functions_in_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the hook, a task looks up its function in the Lambda of moto and fails."""
    monkeypatch.setattr(ExecutionWorker, "start", ExecutionWorker._execution_logic)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "submit", "Payload": {}},
        "End": True,
    }
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        states = boto3.client("stepfunctions", region_name="us-east-1")
        machine = states.create_state_machine(
            name="bare",
            definition=json.dumps({"StartAt": "Submit", "States": {"Submit": task}}),
            roleArn="arn:aws:iam::123456789012:role/machine",
        )["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]
        ended = states.describe_execution(executionArn=execution)

    assert ended["status"] == "FAILED"
    assert "ResourceNotFound" in ended["error"]


def test_moto_waits_and_retries_in_real_time() -> None:
    waited: list[float] = []
    event = SimpleNamespace(wait=waited.append)
    env = SimpleNamespace(program_state_event=event, is_running=lambda: False)

    WaitFunction._wait_interval(SimpleNamespace(), env, 5)  # type: ignore[arg-type]

    assert waited == [5]
    assert vars(retrier_decl)["time"] is time


def test_moto_waits_for_a_callback_in_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []
    endpoint = CallbackEndpoint("token")
    monkeypatch.setattr(endpoint, "wait", lambda timeout: waited.append(timeout))
    callback = state_task_service_callback.StateTaskServiceCallback

    callback._wait_for_task_token_timeout(SimpleNamespace(), 60, endpoint)  # type: ignore[arg-type]

    assert waited == [60]


def test_moto_execution_has_no_environment_before_it_starts() -> None:
    worker = ExecutionWorker.__new__(ExecutionWorker)
    worker.__init__(*[None] * 4)  # type: ignore[misc]

    assert worker.env is None  # moto reads the callbacks of this environment


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("($states := {'input': {'a': 1}}; $merge([$states.input, {'b': 2}]))", {"a": 1, "b": 2}),
        ("($states := {'input': {}}; $exists($states.input.code))", False),
        ("[1..3]", [1, 2, 3]),
    ],
)
def test_jsonata_results_are_plain_values(expression: str, value: object) -> None:
    result = evaluate(expression)

    assert result == value
    assert type(result) is type(value)


def test_simulated_hours_apply_to_handlers(cloud: Cloud) -> None:
    cloud.provider.script_submits(error_response(429))

    run = cloud.run()

    assert run.job.ended_at is not None
    assert run.job.ended_at - START > timedelta(hours=1)
    assert cloud.clock.now == run.job.ended_at


def test_processes_run_in_the_order_of_time() -> None:
    clock, log = Clock(), []

    def worker(name: str, *waits: float) -> None:
        for seconds in waits:
            clock.wait(seconds)
            log.append((name, clock.elapsed))

    clock.schedule(0, lambda: worker("a", 10, 10))
    clock.schedule(5, lambda: worker("b", 1, 10))
    clock.run()

    assert log == [("b", 6), ("a", 10), ("b", 16), ("a", 20)]


def test_wait_can_be_ended_once() -> None:
    clock, log = Clock(), []

    def wait_twice() -> None:
        clock.wait(60, key="token")
        log.append(clock.elapsed)
        clock.wait(60)
        log.append(clock.elapsed)

    clock.schedule(0, wait_twice)
    clock.schedule(7, lambda: clock.end_wait("token"))
    clock.schedule(8, lambda: clock.end_wait("token"))
    clock.run()

    assert log == [7, 67]


def test_exception_of_a_process_is_raised() -> None:
    clock = Clock()

    def raise_error() -> None:
        raise ZeroDivisionError

    clock.schedule(1, raise_error)
    with pytest.raises(ZeroDivisionError):
        clock.run()
