"""Start MiniStack with six patches. The emulator's own Python runs this script.

1. An event rule invokes a function without retries, so a throttle or a crash loses the event. On
   AWS the invocation is asynchronous: throttles wait, crashes are retried, then go to the failure
   destination. MiniStack does this for `InvocationType=Event`; rules now use it too.
2. S3 events lack the object's version id. AWS includes it for every versioned object.
3. A function behind API Gateway gets a path without the prefix of the client's URL, and no domain
   name. AWS sends both.
4. The import of an OpenAPI document drops its gateway responses.
5. An API call is refused while 16 function calls run. AWS allows 1,000, so the call waits instead.
6. A task's TimeoutSeconds must be a literal. An expression is now evaluated, as in other fields.

Written for the version pinned in requirements/emulator.in.
"""

import json
import time
from contextvars import ContextVar
from importlib import import_module
from typing import Any

THROTTLE_PAUSE_SECONDS = 0.05

app: Any = import_module("ministack.app")
lambdas: Any = import_module("ministack.services.lambda_svc")
rules: Any = import_module("ministack.services.eventbridge")
s3: Any = import_module("ministack.services.s3")
gateway: Any = import_module("ministack.services.apigateway_v1")
machines: Any = import_module("ministack.services.stepfunctions")

waits_for_capacity: ContextVar[bool] = ContextVar("patient", default=False)
version: ContextVar[str | None] = ContextVar("version", default=None)
# The private names below are MiniStack's.
execute_once = lambdas._execute_function  # noqa: SLF001
fire_event = s3._fire_s3_event  # noqa: SLF001
dispatch_event = rules._dispatch_event  # noqa: SLF001
build_event = gateway._build_lambda_event_v1  # noqa: SLF001
import_document = gateway._import_rest_api  # noqa: SLF001
execute_task = machines._execute_task  # noqa: SLF001
evaluate = machines._apply_jsonata_template  # noqa: SLF001


def execute(function: dict[str, Any], event: dict[str, Any]) -> Any:
    """Execute a function; with `waits_for_capacity`, wait instead of returning a throttle."""
    result = execute_once(function, event)
    while waits_for_capacity.get() and result.get("throttle"):
        time.sleep(THROTTLE_PAUSE_SECONDS)
        result = execute_once(function, event)
    return result


def dispatch(arn: str, payload: str) -> None:
    """Invoke a rule's target function asynchronously, with its own retries and destination."""
    function, config, _name = lambdas._get_func_record_for_ref(arn)  # noqa: SLF001
    if not function or not config:
        return
    record = lambdas._execution_record_for_config(function, config)  # noqa: SLF001
    token = waits_for_capacity.set(True)
    try:
        lambdas.invoke_async_with_retry(record, json.loads(payload))
    finally:
        waits_for_capacity.reset(token)


def fire(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
    """Send an S3 event and keep the version id of its object for the dispatch."""
    token = version.set(version_id)
    try:
        fire_event(*args, version_id=version_id, **kwargs)
    finally:
        version.reset(token)


def dispatch_with_version(event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Dispatch an event; add the object's version id to an S3 event."""
    if event.get("Source") == "aws.s3" and (version_id := version.get()):
        detail = json.loads(event["Detail"])
        detail["object"]["version-id"] = version_id
        event = {**event, "Detail": json.dumps(detail)}
    return dispatch_event(event, *args, **kwargs)


def build(api_id: str, stage: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Build a function's event with the path and the host of `api_url` in stack.json."""
    event: dict[str, Any] = build_event(api_id, stage, *args, **kwargs)
    context = event["requestContext"]
    context["path"] = f"/_aws/execute-api/{api_id}/{stage}{event['path']}"
    context["domainName"] = event["headers"].get("host", "")
    return event


def waiting_for_capacity(invoke: Any) -> Any:
    """Wrap an API's call of a function, so that it waits while all functions are busy."""

    async def call_and_wait(*args: Any, **kwargs: Any) -> Any:
        token = waits_for_capacity.set(True)
        try:
            return await invoke(*args, **kwargs)
        finally:
            waits_for_capacity.reset(token)

    return call_and_wait


call = waiting_for_capacity(gateway._call_lambda_raw)  # noqa: SLF001
authorize = waiting_for_capacity(gateway._invoke_authorizer_lambda)  # noqa: SLF001


def import_all(spec: dict[str, Any], base: dict[str, Any] | None = None) -> Any:
    """Import an OpenAPI document with its gateway responses."""
    api_id = import_document(spec, base)
    for name, response in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
        status, *_ = gateway._put_gateway_response(api_id, name, response)  # noqa: SLF001
        if status >= 400:
            raise ValueError(f"the gateway response {name} is not valid")
    return api_id


def run_task(state: dict[str, Any], task_input: Any, execution: Any, context: Any) -> Any:
    """Run a task after the evaluation of its TimeoutSeconds."""
    if isinstance(limit := state.get("TimeoutSeconds"), str):
        state = {**state, "TimeoutSeconds": int(evaluate(limit, task_input, context))}
    return execute_task(state, task_input, execution, context)


if __name__ == "__main__":
    s3._fire_s3_event = fire  # noqa: SLF001
    rules._dispatch_event = dispatch_with_version  # noqa: SLF001
    gateway._build_lambda_event_v1 = build  # noqa: SLF001
    gateway._call_lambda_raw = call  # noqa: SLF001
    gateway._invoke_authorizer_lambda = authorize  # noqa: SLF001
    gateway._import_rest_api = import_all  # noqa: SLF001
    lambdas._execute_function = execute  # noqa: SLF001
    rules._dispatch_to_lambda = dispatch  # noqa: SLF001
    machines._execute_task = run_task  # noqa: SLF001
    app.main()
