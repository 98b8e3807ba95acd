"""Kill a worker process with SIGKILL at a chosen request: before it is sent, or after its effect.

with worker_killer(stack, functions=["Submit"]) as killer:
    kill = killer.kill_at("Submit", "dynamodb UpdateItem", moment="after")
    ...
    assert kill.wait(10)
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
from reliability.functions import AWS_URL, PROVIDER_URL, Functions
from reliability.http_messages import DropError, Request, Response, forward
from reliability.proxy import ProxiedRequest, Proxy

type Moment = Literal["before", "after"]
type ShortName = Callable[[str], str]


class KillPoint(NamedTuple):
    """The nth request of a function with this operation, counted from 1."""

    function: str
    operation: str
    nth: int


@dataclass
class ObservedRequest:
    """A request that passed the proxy. `status` is set by its response, `killed` by a kill."""

    function: str | None
    pid: int | None
    operation: str
    target: str
    status: int | None = None
    killed: Moment | None = None


@dataclass
class ScheduledKill:
    """A kill at the nth matching request since it was scheduled."""

    function: str
    operation: str
    nth: int
    moment: Moment
    containing: str
    count: int = 0
    target: ObservedRequest | None = None
    _done: Event = field(default_factory=Event)

    def wait(self, seconds: float) -> bool:
        """Wait for the kill, for at most `seconds`. Return whether the worker is dead."""
        return self._done.wait(seconds)

    def finish(self, target: ObservedRequest) -> None:
        """Record the killed request."""
        self.target = target
        target.killed = self.moment
        self._done.set()

    def matches(self, observed: ObservedRequest, request: Request) -> bool:
        """Return whether a request counts towards `nth`."""
        text = self.containing
        return (
            fnmatchcase(observed.function or "", self.function)
            and fnmatchcase(observed.operation, self.operation)
            and (text in observed.target or text.encode() in request.body)
        )


class WorkerKiller:
    """Records requests of workers, and kills workers as scheduled."""

    def __init__(self, short: ShortName = str) -> None:
        self.observed: list[ObservedRequest] = []
        self._scheduled: list[ScheduledKill] = []
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
    ) -> ScheduledKill:
        """Kill the worker at its nth such request. `*` in names is a wildcard.

        `before`: the request is not forwarded. `after`: it takes effect upstream, and its response
        is dropped. `containing` counts only requests with this text in body or target.
        """
        kill = ScheduledKill(function, operation, nth, moment, containing)
        with self._lock:
            self._scheduled.append(kill)
        return kill

    def reset(self) -> None:
        """Clear the recorded requests and the scheduled kills."""
        with self._lock:
            self.observed.clear()
            self._scheduled.clear()

    def kill_points(self, function: str = "*") -> list[KillPoint]:
        """Return a kill point for each recorded request of functions, in order."""
        counts: dict[tuple[str, str], int] = {}
        points = []
        for observed in list(self.observed):
            if observed.function is not None and fnmatchcase(observed.function, function):
                key = (observed.function, observed.operation)
                counts[key] = counts.get(key, 0) + 1
                points.append(KillPoint(*key, counts[key]))
        return points

    def serve(self, upstream: str, proxied: ProxiedRequest) -> Response:
        """Forward a request, unless its worker is killed."""
        worker = proxied.client.worker
        observed, kill = self._record(proxied, worker)
        if kill and kill.moment == "before":
            self._kill(kill, observed, worker)
        try:
            response = forward(upstream, proxied.request)
            observed.status = response.status
        finally:  # an upstream that cuts the connection may have processed the request
            if kill and kill.moment == "after":
                self._kill(kill, observed, worker)
        return response

    def _kill(
        self, kill: ScheduledKill, target: ObservedRequest, worker: process_lookup.Worker | None
    ) -> None:
        if worker:
            worker.kill()
        kill.finish(target)
        raise DropError("the worker was killed")

    def _record(
        self, proxied: ProxiedRequest, worker: process_lookup.Worker | None
    ) -> tuple[ObservedRequest, ScheduledKill | None]:
        request = proxied.request
        function = self._short(worker.function) if worker else None
        pid = worker.pid if worker else None
        observed = ObservedRequest(function, pid, operations.name(request), request.target)
        due = None
        with self._lock:
            self.observed.append(observed)
            matching = [kill for kill in self._scheduled if kill.matches(observed, request)]
            for kill in matching if worker else []:
                kill.count += 1
                if kill.count == kill.nth and due is None:
                    due = kill
                    self._scheduled.remove(kill)
        return observed, due


@contextmanager
def killer_proxies(killer: WorkerKiller, aws: str, provider: str) -> Iterator[dict[str, str]]:
    """Start proxies before AWS and the provider. Yield the variables that route to them."""
    with (
        Proxy(partial(killer.serve, aws)) as aws_proxy,
        Proxy(partial(killer.serve, provider)) as provider_proxy,
    ):
        yield {AWS_URL: aws_proxy.url, PROVIDER_URL: provider_proxy.url}


@contextmanager
def worker_killer(stack: Stack, functions: Iterable[str] | None = None) -> Iterator[WorkerKiller]:
    """Put a killer between the workers of these functions (None: all) and AWS and the provider.

    Enter and leave while no job runs: routing stops workers, and URLs that they presigned point to
    this proxy.
    """
    process_lookup.require_proc()
    stack_functions = Functions(stack)
    names = stack_functions.select(functions)
    killer = WorkerKiller(stack_functions.short)
    with (
        killer_proxies(killer, stack.emulator_url, stack.provider_url) as urls,
        stack_functions.environment(dict.fromkeys(names, urls)),
    ):
        killer.reset()  # drop the warm-up requests
        yield killer
