"""Put a proxy between the workers and the AWS emulator, and control which faults it injects.

with aws_faults(stack, seed=7) as aws:
    aws.set(throttle("dynamodb", "UpdateItem", times=2), lost("events", function="Submit"))
    ...
    aws.fired
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from local.stack import Stack
from reliability import operations, process_lookup
from reliability.faults import Fault
from reliability.functions import AWS_URL, Functions
from reliability.http_messages import DropError, Request, Response, forward
from reliability.proxy import ProxiedRequest, Proxy

type PutEvents = Callable[[list[dict[str, Any]]], dict[str, Any]]
type FindFunction = Callable[[ProxiedRequest], str | None]


class AwsFaults:
    """Decides from a seed which matching calls get a fault, and injects it."""

    def __init__(
        self, emulator: str, put_events: PutEvents, find_function: FindFunction, *, seed: int
    ) -> None:
        self.fired: list[Fault] = []
        self._emulator = emulator
        self._put_events = put_events
        self._find_function = find_function
        self._seed = seed
        self._lock = Lock()
        self.set()

    def set(self, *faults: Fault) -> None:
        """Replace the active faults, reset the random draws to the seed, and clear `fired`."""
        with self._lock:
            self._random = random.Random(self._seed)  # noqa: S311 - repeatable on purpose
            self._fired_times = dict.fromkeys(faults, 0)
            self.fired.clear()

    def serve(self, proxied: ProxiedRequest) -> Response:
        """Answer a call: with the first fault that matches and fires, or from the emulator."""
        request, function = proxied.request, self._find_function(proxied)
        if function is None:  # a client that follows a presigned URL
            return forward(self._emulator, request)
        fault = self._draw(operations.name(request), function)
        if fault is None:
            return forward(self._emulator, request)
        match fault.kind:
            case "error":
                return _error(fault, request)
            case "partial":
                return self._put_events_partially(fault, request)
            case "reset":
                raise DropError("reset on purpose")
            case "slow":
                time.sleep(self._random.uniform(*fault.milliseconds) / 1000)
                return forward(self._emulator, request)
            case "lost":
                response = forward(self._emulator, request)
                raise DropError(f"response with status {response.status} dropped on purpose")

    def _draw(self, operation: str, function: str) -> Fault | None:
        with self._lock:
            for fault, times in self._fired_times.items():
                is_left = fault.times is None or times < fault.times
                if not (is_left and fault.matches(operation, function)):
                    continue
                if self._random.random() < fault.probability:
                    self._fired_times[fault] += 1
                    self.fired.append(fault)
                    return fault
        return None

    def _put_events_partially(self, fault: Fault, request: Request) -> Response:
        """Put some of the entries on the bus. Return a 200 in which the others have failed."""
        entries = json.loads(request.body)["Entries"]
        failed = {index for index in range(len(entries)) if self._random.random() < 0.5}
        failed = failed or {self._random.randrange(len(entries))}
        # Sent by this process: a changed body would not match the worker's signature.
        accepted = [entry for index, entry in enumerate(entries) if index not in failed]
        results = iter(self._put_events(accepted)["Entries"] if accepted else [])
        failure = {"ErrorCode": fault.code, "ErrorMessage": "on purpose"}
        body = {
            "FailedEntryCount": len(failed),
            "Entries": [
                failure if index in failed else next(results) for index in range(len(entries))
            ],
        }
        return _json_response(200, body)


def _error(fault: Fault, request: Request) -> Response:
    """Return the error of a fault in the format of its service."""
    if fault.service != "s3":
        return _json_response(fault.status, {"__type": fault.code, "message": "on purpose"})
    text = f"<Error><Code>{fault.code}</Code><Message>on purpose</Message></Error>"
    body = b"" if request.method == "HEAD" else text.encode()
    return Response(fault.status, (("Content-Type", "application/xml"),), body, fault.code)


def _json_response(status: int, body: object) -> Response:
    headers = (("Content-Type", "application/x-amz-json-1.1"),)
    return Response(status, headers, json.dumps(body).encode(), "on purpose")


@contextmanager
def aws_faults(
    stack: Stack, functions: Sequence[str] | None = None, *, seed: int = 0
) -> Iterator[AwsFaults]:
    """Route the workers of these functions (None: all) through a proxy, with no active fault.

    Enter and leave while no job runs: routing stops workers, and URLs that they presigned point to
    this proxy.
    """
    process_lookup.require_proc()
    stack_functions = Functions(stack)
    events = stack.client("events")

    def find_function(proxied: ProxiedRequest) -> str | None:
        worker = proxied.client.worker
        return stack_functions.short(worker.function) if worker else None

    faults = AwsFaults(
        stack.emulator_url,
        lambda entries: events.put_events(Entries=entries),
        find_function,
        seed=seed,
    )
    with Proxy(faults.serve) as proxy:
        names = stack_functions.select(functions)
        with stack_functions.environment({name: {AWS_URL: proxy.url} for name in names}):
            yield faults
