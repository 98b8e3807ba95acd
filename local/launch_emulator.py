"""Run as a script by the emulator's own Python: MiniStack with six repairs.

1. An event rule invokes a function once and forgets it, so that a throttle or a crash loses the
   event. On AWS that invocation is asynchronous: throttles wait, crashes are tried again and then
   go to the function's failure destination. MiniStack has that path for `InvocationType=Event`;
   rules are led into it here.
2. S3's events lack the object's version id, which AWS tells of every object that has one.
3. A function behind API Gateway is told another path than the one that the client asked for, where
   AWS tells what stands before ours, too; and no domain name.
4. An imported OpenAPI document loses its gateway responses.
5. An API call that finds all functions busy is refused, at 16 calls at once where AWS runs 1,000;
   it waits for its turn instead.
6. A task's time limit has to be a literal; an expression is evaluated, as in any other field.

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

patient: ContextVar[bool] = ContextVar("patient", default=False)
version: ContextVar[str | None] = ContextVar("version", default=None)
# The repairs are inside: these names are MiniStack's own.
execute_once = lambdas._execute_function  # noqa: SLF001
fire_event = s3._fire_s3_event  # noqa: SLF001
dispatch_event = rules._dispatch_event  # noqa: SLF001
build_event = gateway._build_lambda_event_v1  # noqa: SLF001
import_document = gateway._import_rest_api  # noqa: SLF001
execute_task = machines._execute_task  # noqa: SLF001
evaluate = machines._apply_jsonata_template  # noqa: SLF001


def execute(function: dict[str, Any], event: dict[str, Any]) -> Any:
    """Execute; an asynchronous invocation waits for a free slot instead of being refused."""
    result = execute_once(function, event)
    while patient.get() and result.get("throttle"):
        time.sleep(THROTTLE_PAUSE_SECONDS)
        result = execute_once(function, event)
    return result


def dispatch(arn: str, payload: str) -> None:
    """Invoke a rule's target function asynchronously, with its own retries and destination."""
    function, config, _name = lambdas._get_func_record_for_ref(arn)  # noqa: SLF001
    if not function or not config:
        return
    record = lambdas._execution_record_for_config(function, config)  # noqa: SLF001
    token = patient.set(True)
    try:
        lambdas.invoke_async_with_retry(record, json.loads(payload))
    finally:
        patient.reset(token)


def fire(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
    """Tell of an object, and remember which version it is."""
    token = version.set(version_id)
    try:
        fire_event(*args, version_id=version_id, **kwargs)
    finally:
        version.reset(token)


def dispatch_with_version(event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Dispatch an event; one of S3's with the version of its object."""
    if event.get("Source") == "aws.s3" and (told := version.get()):
        detail = json.loads(event["Detail"])
        detail["object"]["version-id"] = told
        event = {**event, "Detail": json.dumps(detail)}
    return dispatch_event(event, *args, **kwargs)


def build(api_id: str, stage: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Build a function's event with the path that stack.json's `api_url` leads to."""
    event: dict[str, Any] = build_event(api_id, stage, *args, **kwargs)
    context = event["requestContext"]
    context["path"] = f"/_aws/execute-api/{api_id}/{stage}{event['path']}"
    context["domainName"] = event["headers"].get("host", "")
    return event


def patiently(ask: Any) -> Any:
    """Return one of an API's two ways to call a function, made to wait until one is free."""

    async def ask_patiently(*args: Any, **kwargs: Any) -> Any:
        token = patient.set(True)
        try:
            return await ask(*args, **kwargs)
        finally:
            patient.reset(token)

    return ask_patiently


call = patiently(gateway._call_lambda_raw)  # noqa: SLF001
authorize = patiently(gateway._invoke_authorizer_lambda)  # noqa: SLF001


def import_all(spec: dict[str, Any], base: dict[str, Any] | None = None) -> Any:
    """Import an OpenAPI document with its gateway responses."""
    api_id = import_document(spec, base)
    for name, told in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
        status, *_ = gateway._put_gateway_response(api_id, name, told)  # noqa: SLF001
        if status >= 400:
            raise ValueError(f"the gateway response {name} is not valid")
    return api_id


def run_task(state: dict[str, Any], given: Any, execution: Any, context: Any) -> Any:
    """Run a task with its time limit evaluated."""
    if isinstance(limit := state.get("TimeoutSeconds"), str):
        state = {**state, "TimeoutSeconds": int(evaluate(limit, given, context))}
    return execute_task(state, given, execution, context)


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
