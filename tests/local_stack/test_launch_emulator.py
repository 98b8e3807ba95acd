"""The repairs of the emulator, on a MiniStack that is not there: each wraps, and adds one thing."""

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
    """Return modules named like MiniStack's; a test puts in what it needs before the launcher."""
    modules = {name: ModuleType(f"ministack.services.{name}") for name, _ in WRAPPED}
    monkeypatch.setitem(sys.modules, "ministack.app", ModuleType("ministack.app"))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"ministack.services.{name}", module)
    for service, function in WRAPPED:
        setattr(modules[service], function, None)
    return modules


def launcher() -> Any:
    """Return the launcher, imported anew: it takes hold of MiniStack's functions as it starts."""
    sys.modules.pop("local.launch_emulator", None)
    return importlib.import_module("local.launch_emulator")


def busy(times: int) -> tuple[Any, list[dict[str, Any]]]:
    """Return a function that is refused so often, and the calls of it."""
    calls: list[dict[str, Any]] = []

    def execute(_function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        calls.append(event)
        return {"throttle": True} if len(calls) <= times else {"body": "done"}

    return execute, calls


def test_a_call_of_ones_own_is_refused_when_all_are_busy(emulator: dict[str, Any]) -> None:
    emulator["lambda_svc"]._execute_function, calls = busy(3)

    assert launcher().execute({}, {}) == {"throttle": True}
    assert len(calls) == 1


def test_an_asynchronous_call_waits_until_one_is_free(
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
    assert not started.patient.get()


def test_a_rule_whose_function_is_gone_does_nothing(emulator: dict[str, Any]) -> None:
    emulator["lambda_svc"]._get_func_record_for_ref = lambda _arn: (None, None, "")

    launcher().dispatch("arn:of:nothing", "{}")


@pytest.mark.parametrize(
    ("name", "repaired"), [("_call_lambda_raw", "call"), ("_invoke_authorizer_lambda", "authorize")]
)
def test_a_call_through_the_api_waits_too(
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


@pytest.mark.parametrize(("version", "told"), [("v1", {"version-id": "v1"}), (None, {})])
def test_an_object_is_told_of_with_its_version_if_it_has_one(
    emulator: dict[str, Any], version: str | None, told: dict[str, str]
) -> None:
    seen: list[dict[str, Any]] = []
    emulator["eventbridge"]._dispatch_event = lambda event, *_: seen.append(event)

    def fire_event(key: str, version_id: str | None = None) -> None:
        detail = json.dumps({"object": {"key": key}})
        started.dispatch_with_version({"Source": "aws.s3", "Detail": detail})
        started.dispatch_with_version({"Source": "darkroom", "Detail": "{}"})

    emulator["s3"]._fire_s3_event = fire_event
    started = launcher()

    started.fire("portrait/a.png", version_id=version)

    ours, another = seen
    assert json.loads(ours["Detail"]) == {"object": {"key": "portrait/a.png"} | told}
    assert another["Detail"] == "{}"
    assert started.version.get() is None


def test_a_function_is_told_the_path_and_the_host_that_the_client_used(
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


def test_a_document_is_imported_with_its_gateway_responses(emulator: dict[str, Any]) -> None:
    put: list[tuple[Any, ...]] = []

    def put_response(*told: Any) -> tuple[int, dict[str, str], str]:
        put.append(told)
        return 201, {}, "{}"

    gateway = emulator["apigateway_v1"]
    gateway._import_rest_api = lambda _spec, _base: "abc"
    gateway._put_gateway_response = put_response
    document = {"x-amazon-apigateway-gateway-responses": {"THROTTLED": {"statusCode": "429"}}}

    assert launcher().import_all(document) == "abc"
    assert put == [("abc", "THROTTLED", {"statusCode": "429"})]


def test_a_gateway_response_that_is_refused_stops_the_deployment(emulator: dict[str, Any]) -> None:
    gateway = emulator["apigateway_v1"]
    gateway._import_rest_api = lambda _spec, _base: "abc"
    gateway._put_gateway_response = lambda *_: (400, {}, "{}")

    with pytest.raises(ValueError, match="DEFAULT_6XX"):
        launcher().import_all({"x-amazon-apigateway-gateway-responses": {"DEFAULT_6XX": {}}})


@pytest.mark.parametrize(
    ("limit", "evaluated"), [("{% $states.input.wait_seconds %}", 41), (60, 60), (None, None)]
)
def test_a_tasks_time_limit_may_be_an_expression(
    emulator: dict[str, Any], limit: object, evaluated: object
) -> None:
    ran: list[dict[str, Any]] = []
    machines = emulator["stepfunctions"]
    machines._execute_task = lambda state, *_: ran.append(state)
    machines._apply_jsonata_template = lambda _text, given, _context: given["wait_seconds"]
    state = {"Type": "Task"} | ({} if limit is None else {"TimeoutSeconds": limit})

    launcher().run_task(state, {"wait_seconds": 41.0}, {}, {})

    assert ran[0].get("TimeoutSeconds") == evaluated
    assert state.get("TimeoutSeconds") == limit  # the definition is every execution's
