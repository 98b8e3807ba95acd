"""The faults that microburst lacks: answers that are lost, and events that the bus half takes."""

import json
import random
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from reliability.faults import Fault, Kind
from reliability.http_messages import Answer, Request

# microburst never answers 200 with a failure inside, and it cuts an answer only after its headers.
OURS: tuple[Kind, ...] = ("lost", "partial")

type PutEvents = Callable[[list[dict[str, Any]]], dict[str, Any]]


class OwnFaults:
    """Decides, from a seed, which of the requests that fit meet one."""

    def __init__(self, seed: int, put_events: PutEvents) -> None:
        self._seed = seed
        self._put_events = put_events
        self._lock = Lock()
        self.set(())

    def set(self, faults: Sequence[Fault]) -> None:
        """Use these faults from now on, and begin again at the seed."""
        with self._lock:
            self._random = random.Random(self._seed)  # noqa: S311 - repeatable on purpose
            self._left = {
                fault: fault.times if fault.times is not None else -1
                for fault in faults
                if is_ours(fault)
            }

    def draw(self, kind: Kind, operation: str, function: str | None) -> Fault | None:
        """The first fault of this kind that befalls a request, if one does."""
        with self._lock:
            for fault, left in self._left.items():
                fits = fault.kind == kind and _fits(fault, operation, function)
                if fits and left and self._random.random() < fault.probability:
                    self._left[fault] = left - 1
                    return fault
        return None

    def answer_in_part(self, fault: Fault, request: Request) -> Answer:
        """Put some of the entries on the bus, and say that it refused the others."""
        entries = json.loads(request.body)["Entries"]
        with self._lock:
            refused = {index for index in range(len(entries)) if self._random.random() < 0.5}
            refused = refused or {self._random.randrange(len(entries))}
        # Sent by us: a changed body would not fit the worker's signature.
        kept = [entry for index, entry in enumerate(entries) if index not in refused]
        taken = iter(self._put_events(kept)["Entries"] if kept else [])
        failure = {"ErrorCode": fault.code, "ErrorMessage": "on purpose"}
        answers = [failure if index in refused else next(taken) for index in range(len(entries))]
        told = {"FailedEntryCount": len(refused), "Entries": answers}
        headers = (("Content-Type", "application/x-amz-json-1.1"),)
        return Answer(200, headers, json.dumps(told).encode(), "OK")


def is_ours(fault: Fault) -> bool:
    """Whether it is for us, not for microburst."""
    return fault.kind in OURS


def _fits(fault: Fault, operation: str, function: str | None) -> bool:
    service, _, name = operation.partition(" ")
    return (
        service == fault.service
        and fault.operation in (None, name)
        and fault.function in (None, function)
    )
