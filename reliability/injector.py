"""One proxy between the workers and AWS and the provider, which injects chosen faults.

with injector(stack, seed=7) as faults:
    faults.set(throttle("dynamodb", "UpdateItem", times=2), kill("Submit", "POST *"))
    ...
    faults.fired
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, NamedTuple

from local.stack import Stack
from reliability import operations, workers
from reliability.faults import Fault
from reliability.functions import AWS_URL, PROVIDER_URL, Functions
from reliability.proxy import DropError, Proxy, Request, Response, forward

type PutEvents = Callable[[list[dict[str, Any]]], dict[str, Any]]

_PROVIDER_PATH = "/api/v3/"  # every other path belongs to AWS


class Call(NamedTuple):
    """The nth request of a function with this operation, counted from 1."""

    function: str
    operation: str
    nth: int


@dataclass
class _Active:
    fault: Fault
    matches: int = 0
    times: int = 0


class Injector:
    """Decides from a seed which matching requests of workers get a fault, and injects it."""

    def __init__(
        self,
        aws: str,
        provider: str,
        put_events: PutEvents,
        short_name: Callable[[str], str],
        *,
        seed: int = 0,
    ) -> None:
        self.fired: list[Fault] = []
        self.calls: list[Call] = []
        self._aws = aws
        self._provider = provider
        self._put_events = put_events
        self._short_name = short_name
        self._seed = seed
        self._lock = Lock()
        self.set()

    def set(self, *faults: Fault) -> None:
        """Replace the faults, reset the random draws to the seed, clear `fired` and `calls`."""
        with self._lock:
            self._random = random.Random(self._seed)  # noqa: S311 - repeatable on purpose
            self._active = [_Active(fault) for fault in faults]
            self._counts: Counter[tuple[str, str]] = Counter()
            self.fired.clear()
            self.calls.clear()

    def serve(self, request: Request) -> Response:
        """Answer with the first fault that matches and fires, or from AWS or the provider."""
        worker = request.client.worker if request.client else None
        upstream = self._provider if request.target.startswith(_PROVIDER_PATH) else self._aws
        if worker is None:  # a client that follows a presigned URL
            return forward(upstream, request)
        fault = self._draw(operations.name(request), self._short_name(worker.function))
        if fault is None:
            return forward(upstream, request)
        match fault.kind:
            case "error":
                return _error(fault, request)
            case "partial":
                return self._put_events_partially(fault, request)
            case "slow":
                time.sleep(self._random.uniform(*fault.milliseconds) / 1000)
                return forward(upstream, request)
            case "lost":
                forward(upstream, request)
            case "kill before":
                worker.kill()
            case "kill after":
                try:
                    forward(upstream, request)
                finally:  # an upstream that cuts the connection may have processed the request
                    worker.kill()
        raise DropError(f"{fault.kind} on purpose")

    def _draw(self, operation: str, function: str) -> Fault | None:
        """Record a call, and return the fault that it gets."""
        with self._lock:
            self._counts[function, operation] += 1
            self.calls.append(Call(function, operation, self._counts[function, operation]))
            drawn: Fault | None = None
            for active in self._active:
                fault = active.fault
                if not fault.matches(operation, function):
                    continue
                active.matches += 1
                is_due = active.matches >= fault.nth and active.times != fault.times
                if drawn is None and is_due and self._random.random() < fault.probability:
                    active.times += 1
                    drawn = fault
                    self.fired.append(fault)
            return drawn

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
    if not fault.operation.startswith("s3 "):
        return _json_response(fault.status, {"__type": fault.code, "message": "on purpose"})
    text = f"<Error><Code>{fault.code}</Code><Message>on purpose</Message></Error>"
    body = b"" if request.method == "HEAD" else text.encode()
    return Response(fault.status, (("Content-Type", "application/xml"),), body, fault.code)


def _json_response(status: int, body: object) -> Response:
    headers = (("Content-Type", "application/x-amz-json-1.1"),)
    return Response(status, headers, json.dumps(body).encode(), "on purpose")


@contextmanager
def injector(
    stack: Stack, functions: Sequence[str] | None = None, *, seed: int = 0
) -> Iterator[Injector]:
    """Route the workers of these functions (None: all) through a proxy, with no fault yet.

    Enter and leave while no job runs: routing stops workers, and URLs that they presigned point to
    this proxy.
    """
    workers.require_proc()
    stack_functions = Functions(stack)
    events = stack.client("events")
    faults = Injector(
        stack.emulator_url,
        stack.provider_url,
        lambda entries: events.put_events(Entries=entries),
        stack_functions.short,
        seed=seed,
    )
    with Proxy(faults.serve) as proxy:
        urls = {AWS_URL: proxy.url, PROVIDER_URL: proxy.url}
        names = stack_functions.select(functions)
        with stack_functions.environment(dict.fromkeys(names, urls)):
            faults.set()  # forget the warm-up
            yield faults
