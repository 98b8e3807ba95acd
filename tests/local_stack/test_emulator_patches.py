"""The patches of the emulator that keep it responsive, tested with fake MiniStack modules.

The end-to-end tests need the other patches: with any of them missing, tests of the stack fail.
"""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from queue import Empty, Queue
from threading import Event
from types import ModuleType, SimpleNamespace
from typing import Any
from zipfile import ZipFile

import pytest

SERVICES = {
    "lambda_svc": ("_acquire_execution_slot", "_release_execution_slot"),
    "s3": ("_fire_s3_event",),
    "eventbridge": ("_dispatch_event",),
    "apigateway_v1": (
        "_build_lambda_event_v1",
        "_import_rest_api",
        "_request_identity_sources",
    ),
    "stepfunctions": (
        "_execute_task",
        "_apply_jsonata_template",
        "_call_lambda",
        "_ExecutionError",
    ),
}
SLOTS = 2


@pytest.fixture
def lambdas(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put fake modules in place of MiniStack's; return the Lambda service."""
    fakes = {f"services.{name}": functions for name, functions in SERVICES.items()}
    fakes |= {
        "core.lambda_runtime": ("kill_workers",),
        "core.iam_actions": ("extract_resource_arn",),
        "app": (),
    }
    for name, functions in fakes.items():
        module = ModuleType(f"ministack.{name}")
        for function in functions:
            setattr(module, function, None)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    runtime: Any = sys.modules["ministack.core.lambda_runtime"]
    runtime.Worker = SimpleNamespace(_spawn=None)
    service: Any = sys.modules["ministack.services.lambda_svc"]
    service._ACCOUNT_CONCURRENCY_CAP = SLOTS
    return service


def launcher() -> Any:
    """Return the launcher, imported again: the import binds MiniStack's functions."""
    sys.modules.pop("local.launch_emulator", None)
    return importlib.import_module("local.launch_emulator")


def test_call_waits_while_all_slots_are_taken(lambdas: Any) -> None:
    lambdas._acquire_execution_slot = lambda *_: ("slot", None)
    lambdas._release_execution_slot = lambda _slot: None
    started = launcher()
    for _ in range(SLOTS):
        assert started.wait_for_slot({}, {}) == ("slot", None)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(started.wait_for_slot, {}, {})
        assert not wait([waiting], timeout=0.05).done
        started.return_slot("slot")
        assert waiting.result(timeout=5) == ("slot", None)


def test_call_above_reserved_concurrency_is_throttled_and_takes_no_slot(lambdas: Any) -> None:
    lambdas._acquire_execution_slot = lambda *_: (None, "function")
    started = launcher()

    throttled = [started.wait_for_slot({}, {}) for _ in range(SLOTS + 1)]

    assert throttled == [(None, "function")] * (SLOTS + 1)


def test_function_that_others_wait_for_takes_no_slot(lambdas: Any) -> None:
    lambdas._acquire_execution_slot = lambda *_: ("slot", None)
    lambdas._release_execution_slot = lambda _slot: None
    started = launcher()
    for _ in range(SLOTS):
        started.wait_for_slot({}, {"FunctionName": "darkroom-api"})

    with ThreadPoolExecutor(1) as pool:
        for _ in range(SLOTS):
            call = pool.submit(started.wait_for_slot, {}, {"FunctionName": "darkroom-quote"})
            slot, _ = call.result(timeout=5)
            started.return_slot(slot)
        waiting = pool.submit(started.wait_for_slot, {}, {"FunctionName": "darkroom-api"})
        assert not wait([waiting], timeout=0.05).done
        started.return_slot("slot")


def test_one_worker_per_processor_starts_at_a_time(
    lambdas: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: SLOTS)
    begun, may_end = Queue[str](), Event()

    def start(worker: str) -> None:
        begun.put(worker)
        may_end.wait(5)

    sys.modules["ministack.core.lambda_runtime"].__dict__["Worker"]._spawn = start
    started = launcher()

    with ThreadPoolExecutor() as pool:
        starts = [pool.submit(started.start_in_turn, name) for name in "abc"]
        assert {begun.get(timeout=5) for _ in range(SLOTS)} < set("abc")
        with pytest.raises(Empty):
            begun.get(timeout=0.05)
        may_end.set()
        begun.get(timeout=5)
    assert all(start.result() is None for start in starts)


def test_same_code_is_unpacked_once(
    lambdas: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    contents = {"first": "1", "same": "1", "other": "2"}
    started = launcher()

    for name, content in contents.items():
        with ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("package/handler.py", content)
        (tmp_path / name).mkdir()
        with started.SharedZip(tmp_path / f"{name}.zip") as archive:
            archive.extractall(str(tmp_path / name))

    links = {name: (tmp_path / name).readlink() for name in contents}
    assert links["first"] == links["same"] != links["other"]
    for name, content in contents.items():
        assert (tmp_path / name / "package" / "handler.py").read_text() == content


def test_caller_does_not_wait_for_the_end_of_stopped_workers(lambdas: Any) -> None:
    stopped: list[str] = []
    done, may_stop = Event(), Event()

    def kill(workers: list[str]) -> None:
        may_stop.wait(5)
        stopped.extend(workers)
        done.set()

    sys.modules["ministack.core.lambda_runtime"].__dict__["kill_workers"] = kill

    launcher().kill_in_background(["worker"])

    assert stopped == []
    may_stop.set()
    assert done.wait(5)
    assert stopped == ["worker"]


def test_rule_invokes_its_function_asynchronously(lambdas: Any) -> None:
    lambdas._get_func_record_for_ref = lambda arn: ({"arn": arn}, {"config": 1}, "name")
    lambdas._execution_record_for_config = lambda function, _config: function
    invoked: list[Any] = []
    lambdas.invoke_async_with_retry = lambda *arguments: invoked.append(arguments)

    launcher().dispatch("arn:of:function", '{"id": "1"}')

    assert invoked == [({"arn": "arn:of:function"}, {"id": "1"})]


class ExecutionError(Exception):
    """The error of a failed task, as in MiniStack."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


@pytest.mark.parametrize(
    ("cause", "name"),
    [
        ('{"__type": "TooManyRequestsException"}', "Lambda.TooManyRequestsException"),
        ('{"errorMessage": "Task timed out"}', "Lambda.Unknown"),
    ],
)
def test_throttled_call_of_a_task_has_the_error_name_of_aws(
    lambdas: Any, cause: str, name: str
) -> None:
    def call(*_: object) -> None:
        raise ExecutionError("Lambda.Unknown", cause)

    machines: Any = sys.modules["ministack.services.stepfunctions"]
    machines._call_lambda, machines._ExecutionError = call, ExecutionError

    with pytest.raises(ExecutionError, match=name) as failure:
        launcher().call("arn:of:function", {})
    assert failure.value.cause == cause
