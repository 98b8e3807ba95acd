"""The patches of the emulator, tested with fake MiniStack modules."""

import asyncio
import importlib
import json
import sys
from types import ModuleType
from typing import Any

import pytest

WRAPPED = (
    ("lambda_svc", "_execute_function"),
    ("s3", "_fire_s3_event"),
    ("eventbridge", "_dispatch_event"),
    ("apigateway_v1", "_build_lambda_event_v1"),
    ("apigateway_v1", "_call_lambda_raw"),
    ("apigateway_v1", "_invoke_authorizer_lambda"),
    ("apigateway_v1", "_import_rest_api"),
    ("stepfunctions", "_execute_task"),
    ("stepfunctions", "_apply_jsonata_template"),
)


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return fake MiniStack modules; a test sets their functions before it imports the launcher."""
    modules = {name: ModuleType(f"ministack.services.{name}") for name, _ in WRAPPED}
    monkeypatch.setitem(sys.modules, "ministack.app", ModuleType("ministack.app"))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"ministack.services.{name}", module)
    for service, function in WRAPPED:
        setattr(modules[service], function, None)
    return modules


def launcher() -> Any:
    """Return the launcher, imported again: the import binds MiniStack's functions."""
    sys.modules.pop("local.launch_emulator", None)
    return importlib.import_module("local.launch_emulator")


def busy(times: int) -> tuple[Any, list[dict[str, Any]]]:
    """Return a function that is throttled `times` times, and its recorded calls."""
    calls: list[dict[str, Any]] = []

    def execute(_function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        calls.append(event)
        return {"throttle": True} if len(calls) <= times else {"body": "done"}

    return execute, calls


def test_synchronous_call_is_throttled_when_all_functions_are_busy(
    emulator: dict[str, Any],
) -> None:
    emulator["lambda_svc"]._execute_function, calls = busy(3)

    assert launcher().execute({}, {}) == {"throttle": True}
    assert len(calls) == 1


def test_asynchronous_call_waits_for_capacity(
    emulator: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lambdas = emulator["lambda_svc"]
    lambdas._execute_function, calls = busy(3)
    lambdas._get_func_record_for_ref = lambda arn: ({"arn": arn}, {"config": 1}, "name")
    lambdas._execution_record_for_config = lambda function, _config: function
    started = launcher()
    monkeypatch.setattr(started, "THROTTLE_PAUSE_SECONDS", 0)
    done = []
    lambdas.invoke_async_with_retry = lambda record, event: done.append(
        (record, started.execute(record, event))
    )

    started.dispatch("arn:of:function", '{"id": "1"}')

    assert done == [({"arn": "arn:of:function"}, {"body": "done"})]
    assert calls == [{"id": "1"}] * 4
    assert not started.waits_for_capacity.get()


def test_rule_without_its_function_does_nothing(emulator: dict[str, Any]) -> None:
    emulator["lambda_svc"]._get_func_record_for_ref = lambda _arn: (None, None, "")

    launcher().dispatch("arn:of:nothing", "{}")


@pytest.mark.parametrize(
    ("name", "repaired"), [("_call_lambda_raw", "call"), ("_invoke_authorizer_lambda", "authorize")]
)
def test_api_call_waits_for_capacity(
    emulator: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str, repaired: str
) -> None:
    emulator["lambda_svc"]._execute_function, calls = busy(2)

    async def call_once(function: dict[str, Any], event: dict[str, Any]) -> Any:
        return started.execute(function, event)

    setattr(emulator["apigateway_v1"], name, call_once)
    started = launcher()
    monkeypatch.setattr(started, "THROTTLE_PAUSE_SECONDS", 0)

    assert asyncio.run(getattr(started, repaired)({}, {})) == {"body": "done"}
    assert len(calls) == 3


@pytest.mark.parametrize(("version", "fields"), [("v1", {"version-id": "v1"}), (None, {})])
def test_s3_event_contains_the_version_id_if_there_is_one(
    emulator: dict[str, Any], version: str | None, fields: dict[str, str]
) -> None:
    dispatched: list[dict[str, Any]] = []
    emulator["eventbridge"]._dispatch_event = lambda event, *_: dispatched.append(event)

    def fire_event(key: str, version_id: str | None = None) -> None:
        detail = json.dumps({"object": {"key": key}})
        started.dispatch_with_version({"Source": "aws.s3", "Detail": detail})
        started.dispatch_with_version({"Source": "darkroom", "Detail": "{}"})

    emulator["s3"]._fire_s3_event = fire_event
    started = launcher()

    started.fire("portrait/a.png", version_id=version)

    s3_event, other_event = dispatched
    assert json.loads(s3_event["Detail"]) == {"object": {"key": "portrait/a.png"} | fields}
    assert other_event["Detail"] == "{}"
    assert started.version.get() is None


def test_function_event_has_the_path_and_host_of_the_client(
    emulator: dict[str, Any],
) -> None:
    emulator["apigateway_v1"]._build_lambda_event_v1 = lambda api_id, stage, path: {
        "path": path,
        "headers": {"host": "127.0.0.1:4566"},
        "requestContext": {"path": f"/{stage}{path}", "apiId": api_id},
    }

    context = launcher().build("abc", "live", "/v1/jobs")["requestContext"]

    assert context["path"] == "/_aws/execute-api/abc/live/v1/jobs"
    assert context["domainName"] == "127.0.0.1:4566"
    assert context["apiId"] == "abc"


def test_import_adds_gateway_responses(emulator: dict[str, Any]) -> None:
    put: list[tuple[Any, ...]] = []

    def put_response(*arguments: Any) -> tuple[int, dict[str, str], str]:
        put.append(arguments)
        return 201, {}, "{}"

    gateway = emulator["apigateway_v1"]
    gateway._import_rest_api = lambda _spec, _base: "abc"
    gateway._put_gateway_response = put_response
    document = {"x-amazon-apigateway-gateway-responses": {"THROTTLED": {"statusCode": "429"}}}

    assert launcher().import_all(document) == "abc"
    assert put == [("abc", "THROTTLED", {"statusCode": "429"})]


def test_invalid_gateway_response_raises(emulator: dict[str, Any]) -> None:
    gateway = emulator["apigateway_v1"]
    gateway._import_rest_api = lambda _spec, _base: "abc"
    gateway._put_gateway_response = lambda *_: (400, {}, "{}")

    with pytest.raises(ValueError, match="DEFAULT_6XX"):
        launcher().import_all({"x-amazon-apigateway-gateway-responses": {"DEFAULT_6XX": {}}})


@pytest.mark.parametrize(
    ("limit", "evaluated"), [("{% $states.input.wait_seconds %}", 41), (60, 60), (None, None)]
)
def test_task_timeout_expression_is_evaluated(
    emulator: dict[str, Any], limit: object, evaluated: object
) -> None:
    ran: list[dict[str, Any]] = []
    machines = emulator["stepfunctions"]
    machines._execute_task = lambda state, *_: ran.append(state)
    machines._apply_jsonata_template = lambda _text, task_input, _context: task_input[
        "wait_seconds"
    ]
    state = {"Type": "Task"} | ({} if limit is None else {"TimeoutSeconds": limit})

    launcher().run_task(state, {"wait_seconds": 41.0}, {}, {})

    assert ran[0].get("TimeoutSeconds") == evaluated
    assert state.get("TimeoutSeconds") == limit  # the shared definition is unchanged
