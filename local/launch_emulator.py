"""Start MiniStack with twelve patches. The emulator's own Python runs this script.

1. MiniStack refuses a call while 16 function calls run. AWS allows 1,000, so the call waits.
2. All workers start at once. That takes the processors from running calls, which time out on a busy
   machine. One worker per processor starts at a time; the timeout of its call begins afterwards.
3. Every worker unpacks its function's code: 1,500 files. Workers of the same code share one copy.
4. MiniStack answers no request while it waits for the end of stopped workers and removes their
   files. A thread does both.
5. An event rule invokes a function without retries, so a crash loses the event. On AWS the
   invocation is asynchronous: crashes are retried, then go to the failure destination. MiniStack
   does this for `InvocationType=Event`; rules now use it too.
6. S3 events lack the object's version id. AWS includes it for every versioned object.
7. A function behind API Gateway gets a path without the prefix of the client's URL, and no domain
   name. AWS sends both.
8. The import of an OpenAPI document drops its gateway responses and the responses of mocks.
9. A task's TimeoutSeconds must be a literal. An expression is now evaluated, as in other fields.
10. A throttled call of a state machine fails with Lambda.Unknown. On AWS, this is the error of a
    function that timed out; a throttled call fails with Lambda.TooManyRequestsException.
11. The permission for GetParameters is checked on no parameter. AWS checks it on each; here, it is
    checked on the first.
12. An authorizer's identity source `context.identity.sourceIp` is missing in every request, which
    is then refused. AWS knows the address of each request.

Written for the version pinned in requirements/emulator.in.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from types import SimpleNamespace
from typing import Any

app: Any = import_module("ministack.app")
lambdas: Any = import_module("ministack.services.lambda_svc")
workers: Any = import_module("ministack.core.lambda_runtime")
rules: Any = import_module("ministack.services.eventbridge")
s3: Any = import_module("ministack.services.s3")
gateway: Any = import_module("ministack.services.apigateway_v1")
machines: Any = import_module("ministack.services.stepfunctions")
permissions: Any = import_module("ministack.core.iam_actions")

version: ContextVar[str | None] = ContextVar("version", default=None)
slots = BoundedSemaphore(lambdas._ACCOUNT_CONCURRENCY_CAP)  # noqa: SLF001
starts = BoundedSemaphore(os.cpu_count() or 1)
unpacking = Lock()
QUOTE = "-quote"  # the end of the name of QuoteFunction
# The private names below are MiniStack's.
acquire_slot = lambdas._acquire_execution_slot  # noqa: SLF001
release_slot = lambdas._release_execution_slot  # noqa: SLF001
start_worker = workers.Worker._spawn  # noqa: SLF001
kill_workers = workers.kill_workers
fire_event = s3._fire_s3_event  # noqa: SLF001
dispatch_event = rules._dispatch_event  # noqa: SLF001
build_event = gateway._build_lambda_event_v1  # noqa: SLF001
import_document = gateway._import_rest_api  # noqa: SLF001
read_identity = gateway._request_identity_sources  # noqa: SLF001
execute_task = machines._execute_task  # noqa: SLF001
evaluate = machines._apply_jsonata_template  # noqa: SLF001
call_function = machines._call_lambda  # noqa: SLF001
ExecutionError = machines._ExecutionError  # noqa: SLF001
find_resource = permissions.extract_resource_arn


def wait_for_slot(function: dict[str, Any], config: dict[str, Any]) -> tuple[Any, Any]:
    """Wait until fewer than 16 calls run. Every call has its own thread, so none is blocked.

    Functions invoke QuoteFunction and wait for it, so its calls need no slot: it could wait for a
    slot of its own caller.
    """
    if str(config.get("FunctionName")).endswith(QUOTE):
        return QUOTE, None
    slots.acquire()
    slot, limit = acquire_slot(function, config)
    if slot is None:  # the function's own reserved concurrency
        slots.release()
    return slot, limit


def return_slot(slot: Any) -> None:
    """End a call, so that a waiting call starts."""
    if slot == QUOTE:
        return
    release_slot(slot)
    slots.release()


def start_in_turn(worker: Any) -> None:
    """Start the process of a worker when a processor is free for it."""
    with starts:
        start_worker(worker)


class SharedZip(zipfile.ZipFile):
    """A ZIP file that is unpacked once per content; each target is a link to this copy."""

    def extractall(self, path: Any = None, *_: Any) -> None:
        """Replace the empty directory `path` by a link to the unpacked content."""
        content = repr([(entry.filename, entry.CRC) for entry in self.infolist()])
        name = hashlib.sha256(content.encode()).hexdigest()[:16]
        shared = Path(tempfile.gettempdir()) / f"code-{name}"
        with unpacking:
            if not shared.exists():
                unfinished = shared.with_suffix(".unfinished")
                super().extractall(unfinished)
                unfinished.rename(shared)
        Path(path).rmdir()
        Path(path).symlink_to(shared)


def kill_in_background(stopped: Any) -> None:
    """Stop workers, which are already out of their pool, in a thread."""
    Thread(target=kill_workers, args=(list(stopped),), daemon=True).start()


def dispatch(arn: str, payload: str) -> None:
    """Invoke a rule's target function asynchronously, with its own retries and destination."""
    function, config, _name = lambdas._get_func_record_for_ref(arn)  # noqa: SLF001
    if not function or not config:
        return
    record = lambdas._execution_record_for_config(function, config)  # noqa: SLF001
    lambdas.invoke_async_with_retry(record, json.loads(payload))


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


def import_all(spec: dict[str, Any], base: dict[str, Any] | None = None) -> Any:
    """Import an OpenAPI document with its binary media types and gateway responses."""
    binary = {"binaryMediaTypes": spec.get("x-amazon-apigateway-binary-media-types", [])}
    api_id = import_document(spec, {**(base or {}), **binary})
    for name, response in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
        status, *_ = gateway._put_gateway_response(api_id, name, response)  # noqa: SLF001
        if status >= 400:
            raise ValueError(f"the gateway response {name} is not valid")
    for resource_id, found in gateway._resources[api_id].items():  # noqa: SLF001
        for method, operation in spec["paths"].get(found["path"], {}).items():
            import_mock(api_id, resource_id, method.upper(), operation)
    return api_id


def import_mock(api_id: str, resource_id: str, method: str, operation: dict[str, Any]) -> None:
    """Import the default response of a method that API Gateway answers itself."""
    integration = operation["x-amazon-apigateway-integration"]
    if integration["type"] == "mock":
        default = integration["responses"]["default"]
        gateway._put_integration_response(  # noqa: SLF001
            api_id, resource_id, method, default["statusCode"], default
        )


def read_identity_with_address(
    source: str | None, headers: dict[str, str], *args: Any
) -> tuple[bool, list[str]]:
    """Return whether each identity source has a value, and the values, the address included."""
    names = [name.strip() for name in (source or "").split(",")]
    others = [name for name in names if name != "context.identity.sourceIp"]
    is_complete, values = read_identity(",".join(others), headers, *args)
    forwarded = next((v for k, v in headers.items() if k.lower() == "x-forwarded-for"), "127.0.0.1")
    return is_complete, [*values, forwarded.split(",")[0].strip()]


def run_task(state: dict[str, Any], task_input: Any, execution: Any, context: Any) -> Any:
    """Run a task after the evaluation of its TimeoutSeconds."""
    if isinstance(limit := state.get("TimeoutSeconds"), str):
        state = {**state, "TimeoutSeconds": int(evaluate(limit, task_input, context))}
    return execute_task(state, task_input, execution, context)


def call(function: str, event: Any) -> Any:
    """Call a function of a task; a throttled call fails with the error name of AWS."""
    try:
        return call_function(function, event)
    except ExecutionError as error:
        if "TooManyRequestsException" not in error.cause or error.error != "Lambda.Unknown":
            raise
        raise ExecutionError("Lambda.TooManyRequestsException", error.cause) from None


def resource(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
    """Return the ARN on which a permission is checked; of several parameters, that of the first."""
    if service == "ssm" and (names := json.loads(body or b"{}").get("Names")):
        body = json.dumps({"Name": names[0]}).encode()
    return find_resource(service, method, path, headers, body, *rest)


if __name__ == "__main__":
    lambdas._acquire_execution_slot = wait_for_slot  # noqa: SLF001
    lambdas._release_execution_slot = return_slot  # noqa: SLF001
    workers.Worker._spawn = start_in_turn  # noqa: SLF001
    workers.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": SharedZip})
    workers.kill_workers = kill_in_background
    s3._fire_s3_event = fire  # noqa: SLF001
    rules._dispatch_event = dispatch_with_version  # noqa: SLF001
    gateway._build_lambda_event_v1 = build  # noqa: SLF001
    gateway._import_rest_api = import_all  # noqa: SLF001
    gateway._request_identity_sources = read_identity_with_address  # noqa: SLF001
    rules._dispatch_to_lambda = dispatch  # noqa: SLF001
    machines._execute_task = run_task  # noqa: SLF001
    machines._call_lambda = call  # noqa: SLF001
    permissions.extract_resource_arn = resource
    app.main()
