"""Kills the real worker, by SIGKILL, at a chosen request: before it is sent, or after its effect.

with guillotine(stack, functions=["Submit"]) as g:
order = g.kill_at("Submit", "dynamodb UpdateItem", moment="after")
…a job…
assert order.wait(10)
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from threading import Event, Lock
from typing import Literal, NamedTuple

from local.stack import Stack
from reliability import operations, process_lookup
from reliability.functions import Functions
from reliability.http_messages import Answer, DropError, Request, forward
from reliability.proxy import Proxy, Visit
from reliability.route import AWS, FUNCTION, PROVIDER, asker, routes, upstream

type Moment = Literal["before", "after"]
type Name = Callable[[str], str]


class KillPoint(NamedTuple):
    """A request as one counts it: the first, second… of its kind by one function."""

    function: str
    operation: str
    nth: int


@dataclass
class Seen:
    """A request that passed: `status` when it was answered, `killed` when its sender was."""

    function: str | None
    pid: int | None
    operation: str
    target: str
    status: int | None = None
    killed: Moment | None = None


@dataclass
class Order:
    """A kill that is to come: at the nth request that fits from when it was given."""

    function: str
    operation: str
    nth: int
    moment: Moment
    containing: str
    count: int = 0
    target: Seen | None = None
    _done: Event = field(default_factory=Event)

    def wait(self, seconds: float) -> bool:
        """Whether the worker is dead within this time."""
        return self._done.wait(seconds)

    def finish(self, target: Seen) -> None:
        """Say that it is done."""
        self.target = target
        target.killed = self.moment
        self._done.set()

    def fits(self, seen: Seen, request: Request) -> bool:
        """Whether a request is one of those that are counted."""
        text = self.containing
        return (
            fnmatchcase(seen.function or "", self.function)
            and fnmatchcase(seen.operation, self.operation)
            and (text in seen.target or text.encode() in request.body)
        )


class WorkerKiller:
    """Takes orders, and keeps what it saw."""

    def __init__(self, short: Name = str) -> None:
        self.seen: list[Seen] = []
        self._orders: list[Order] = []
        self._short = short
        self._lock = Lock()

    def kill_at(
        self,
        function: str,
        operation: str,
        *,
        nth: int = 1,
        moment: Moment = "before",
        containing: str = "",
    ) -> Order:
        """Kill the worker at its nth such request; `*` in names stands for anything.

        `before`: the request is never sent on. `after`: its effect is complete upstream, and its
        answer is not passed on. `containing` counts only requests with this text in body or target.
        """
        order = Order(function, operation, nth, moment, containing)
        with self._lock:
            self._orders.append(order)
        return order

    def forget(self) -> None:
        """Forget what was seen, and every order that is not done."""
        with self._lock:
            self.seen.clear()
            self._orders.clear()

    def steps(self, function: str = "*") -> list[KillPoint]:
        """What was seen of functions, in order, as orders to kill would name it."""
        counts: dict[tuple[str, str], int] = {}
        steps = []
        for seen in list(self.seen):
            if seen.function is not None and fnmatchcase(seen.function, function):
                key = (seen.function, seen.operation)
                counts[key] = counts.get(key, 0) + 1
                steps.append(KillPoint(*key, counts[key]))
        return steps

    def serve_aws(self, upstream: str, visit: Visit) -> Answer:
        """Pass a request on to AWS, and say whose it is, unless its sender is to die."""
        worker = visit.peer.worker
        known = {FUNCTION: self._short(worker.function)} if worker else {}
        return self._serve(upstream, visit, visit.request.with_headers(known))

    def serve_provider(self, upstream: str, visit: Visit) -> Answer:
        """Pass a request on to the provider, unless its sender is to die."""
        return self._serve(upstream, visit, visit.request)

    def _serve(self, upstream: str, visit: Visit, request: Request) -> Answer:
        worker = visit.peer.worker
        seen, order = self._note(visit, worker)
        if order and order.moment == "before":
            self._carry_out(order, seen, worker)
        try:
            answer = forward(upstream, request)
            seen.status = answer.status
        finally:  # an upstream that cuts the connection may have done its part
            if order and order.moment == "after":
                self._carry_out(order, seen, worker)
        return answer

    def _carry_out(self, order: Order, target: Seen, worker: process_lookup.Worker | None) -> None:
        if worker:
            worker.kill()
        order.finish(target)
        raise DropError("its sender was killed")

    def _note(
        self, visit: Visit, worker: process_lookup.Worker | None
    ) -> tuple[Seen, Order | None]:
        function = self._short(worker.function) if worker else asker(visit.request)
        operation = operations.name(visit.request)
        pid = worker.pid if worker else None
        seen = Seen(function, pid, operation, visit.request.target)
        due = None
        with self._lock:
            self.seen.append(seen)
            fitting = [order for order in self._orders if order.fits(seen, visit.request)]
            for order in fitting if worker else []:
                order.count += 1
                if order.count == order.nth and due is None:
                    due = order
                    self._orders.remove(order)
        return seen, due


@contextmanager
def proxies(killer: WorkerKiller, aws: str, provider: str) -> Iterator[dict[str, str]]:
    """Let it listen before AWS and before the provider; the variables that lead there."""
    with (
        Proxy(partial(killer.serve_aws, aws)) as to_aws,
        Proxy(partial(killer.serve_provider, provider)) as to_provider,
    ):
        yield {AWS: to_aws.url, PROVIDER: to_provider.url}


@contextmanager
def worker_killer(stack: Stack, functions: Iterable[str] | None = None) -> Iterator[WorkerKiller]:
    """Put one between the workers of these functions (all) and both AWS and the provider.

    Enter and leave it when no job is under way: routing ends workers, and what they presigned
    leads through here.
    """
    process_lookup.require_proc()
    known = Functions(stack)
    names = known.choose(functions)
    killer = WorkerKiller(known.short)
    with (
        proxies(killer, upstream(known, names, stack), stack.provider_url) as urls,
        known.environment(routes(known, names, urls)),
    ):
        killer.forget()  # warming up
        yield killer
