"""Run as a script by the emulator's own Python: MiniStack with one repair.

An event rule invokes a function once and forgets it, so that a throttle or a crash loses the
event. On AWS that invocation is asynchronous: throttles wait, crashes are tried again and then
go to the function's failure destination. MiniStack has that path for `InvocationType=Event`;
rules are led into it here. Written for the version pinned in requirements/emulator.in.
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

patient: ContextVar[bool] = ContextVar("patient", default=False)
execute_once = lambdas._execute_function  # noqa: SLF001 - the repair is inside


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


if __name__ == "__main__":
    lambdas._execute_function = execute  # noqa: SLF001
    rules._dispatch_to_lambda = dispatch  # noqa: SLF001
    app.main()
