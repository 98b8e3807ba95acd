"""Puts microburst between the workers and the emulator, and tells it what to break.

    with aws_faults(running, seed=7) as aws:
        aws.set(throttle("dynamodb", "UpdateItem", times=2), lost("events", function="Submit"))
        …jobs…
        aws.fired

A worker asks `front`; that asks microburst, which answers with a fault or asks `back`, which asks
the emulator. microburst sees of a request only what it decides by: it would spell the URL anew and
replace the host, both of which are signed, and drop the length of an answer.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

from local.stack import Running
from reliability import microburst, operations, process_lookup
from reliability.faults import Fault, label, rules
from reliability.functions import Functions
from reliability.http_messages import Answer, DropError, Request, forward
from reliability.microburst import Microburst
from reliability.own_faults import OwnFaults, is_ours
from reliability.proxy import Proxy, Visit
from reliability.route import AWS, FUNCTION, asker, routes, upstream

VISIT = "x-reliability-visit"


class Fired(NamedTuple):
    """A fault that happened, and to what."""

    fault: Fault
    operation: str


class AwsFaults:
    """Which faults are on, and which have happened."""

    def __init__(self, emulator: str, own: OwnFaults, short: Callable[[str], str] = str) -> None:
        self.microburst: Microburst
        self.url = ""
        self._emulator = emulator
        self._own = own
        self._short = short
        self._by_rule: dict[int, Fault] = {}
        self._fired: list[Fired] = []
        self._lock = Lock()
        self._asked: dict[str, Request] = {}
        self._answered: dict[str, Answer] = {}

    def set(self, *faults: Fault) -> None:
        """Let these happen from now on, and no others; a call meets the first that befalls it."""
        theirs = [fault for fault in faults if not is_ours(fault)]
        ids = self.microburst.set_rules(rules(theirs))
        self._by_rule |= dict(zip(ids, theirs, strict=True))
        self._own.set(faults)

    @property
    def fired(self) -> list[Fired]:
        """What has happened since `forget`: microburst's faults in order, then ours."""
        theirs = [
            Fired(self._by_rule[event["rule_id"]], f"{event['service']} {event['operation']}")
            for event in self.microburst.fired()
        ]
        return [*theirs, *self._fired]

    def forget(self) -> None:
        """Forget what has happened."""
        self.microburst.forget()
        self._fired.clear()

    def front(self, visit: Visit) -> Answer:
        """Answer a worker."""
        worker, request = visit.peer.worker, visit.request
        function = self._short(worker.function) if worker else asker(request)
        if function is None:  # whoever follows a presigned URL
            return forward(self._emulator, request)
        operation = operations.name(request)
        if fault := self._own.draw("partial", operation, function):
            self._fired.append(Fired(fault, operation))
            return self._own.answer_in_part(fault, request)
        answer = self._through_microburst(request, function)
        if fault := self._own.draw("lost", operation, function):
            self._fired.append(Fired(fault, operation))
            raise DropError(f"an answer of status {answer.status}, lost on purpose")
        return answer

    def back(self, visit: Visit) -> Answer:
        """Ask the emulator what microburst let through."""
        ticket = visit.request.header(VISIT)
        with self._lock:
            request = self._asked.pop(ticket, None)
        if request is None:  # it only warms up
            return Answer(404, (), b"", "Not Found")
        self._answered[ticket] = forward(self._emulator, request)
        return Answer(200, ((VISIT, ticket),), b"", "OK")

    def _through_microburst(self, request: Request, function: str) -> Answer:
        ticket = secrets.token_hex(8)
        self._asked[ticket] = request
        try:
            said = forward(self.microburst.url, _what_decides(request, function, ticket))
        finally:
            with self._lock:
                was_let_through = self._asked.pop(ticket, None) is None
            answer = self._answered.pop(ticket, None)
        if not was_let_through:
            return said  # in place of the emulator
        if answer is None:
            raise DropError("the emulator did not answer")
        return answer


def _what_decides(request: Request, function: str, ticket: str) -> Request:
    headers = tuple(
        (name, value)
        for name, value in request.headers
        if name.lower() in ("host", "authorization", "content-type")
        or name.lower().startswith("x-amz-")
    )
    told = ((VISIT, ticket), (FUNCTION, label(function)))
    return Request(request.method, request.target, (*headers, *told), b"")


@contextmanager
def proxied(
    running: Running,
    emulator: str,
    *,
    seed: int = 0,
    short: Callable[[str], str] = str,
) -> Iterator[AwsFaults]:
    """Start microburst between two proxies before the emulator; no fault is on yet."""
    events = running.stack.client("events")
    own = OwnFaults(seed, lambda entries: events.put_events(Entries=entries))
    faults = AwsFaults(emulator, own, short)
    with Proxy(faults.back) as back, Proxy(faults.front) as front:
        faults.url = front.url
        faults.microburst = microburst.start(running.children, back.url, seed=seed)
        try:
            yield faults
        finally:
            microburst.stop(running.children, faults.microburst)


@contextmanager
def aws_faults(
    running: Running,
    functions: Iterable[str] | None = None,
    *,
    seed: int = 0,
) -> Iterator[AwsFaults]:
    """Route the workers of these functions (all) so that AWS can fail them; no fault is on yet.

    Enter and leave it when no job is under way: routing ends workers, and what they presigned
    leads through here.
    """
    process_lookup.require_proc()
    known = Functions(running.stack)
    names = known.choose(functions)
    emulator = upstream(known, names, running.stack)
    with (
        proxied(running, emulator, seed=seed, short=known.short) as faults,
        known.environment(routes(known, names, {AWS: faults.url})),
    ):
        yield faults
