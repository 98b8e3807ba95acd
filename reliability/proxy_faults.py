"""Faults that microburst lacks: lost responses, and PutEvents calls that accept some entries."""

import json
import random
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from reliability.faults import Fault, Kind
from reliability.http_messages import Request, Response

# microburst never returns 200 with failed entries, and cuts a response only after its headers.
PROXY_KINDS: tuple[Kind, ...] = ("lost", "partial")

type PutEvents = Callable[[list[dict[str, Any]]], dict[str, Any]]


class ProxyFaults:
    """Decides from a seed which matching requests get a fault."""

    def __init__(self, seed: int, put_events: PutEvents) -> None:
        self._seed = seed
        self._put_events = put_events
        self._lock = Lock()
        self.set(())

    def set(self, faults: Sequence[Fault]) -> None:
        """Replace the active faults, and reset the random generator to the seed."""
        with self._lock:
            self._random = random.Random(self._seed)  # noqa: S311 - repeatable on purpose
            self._remaining = {
                fault: fault.times if fault.times is not None else -1
                for fault in faults
                if is_proxy_fault(fault)
            }

    def draw(self, kind: Kind, operation: str, function: str | None) -> Fault | None:
        """Return the first fault of this kind that fires for a request, or None."""
        with self._lock:
            for fault, remaining in self._remaining.items():
                is_match = fault.kind == kind and _matches(fault, operation, function)
                if is_match and remaining and self._random.random() < fault.probability:
                    self._remaining[fault] = remaining - 1
                    return fault
        return None

    def put_events_partially(self, fault: Fault, request: Request) -> Response:
        """Put some of the entries on the bus. Return a 200 in which the others have failed."""
        entries = json.loads(request.body)["Entries"]
        with self._lock:
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
        headers = (("Content-Type", "application/x-amz-json-1.1"),)
        return Response(200, headers, json.dumps(body).encode(), "OK")


def is_proxy_fault(fault: Fault) -> bool:
    """Return whether the proxy, not microburst, injects this fault."""
    return fault.kind in PROXY_KINDS


def _matches(fault: Fault, operation: str, function: str | None) -> bool:
    service, _, name = operation.partition(" ")
    return (
        service == fault.service
        and fault.operation in (None, name)
        and fault.function in (None, function)
    )
