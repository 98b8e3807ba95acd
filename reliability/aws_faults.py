"""Run microburst between the workers and the AWS emulator, and control which faults it injects.

    with aws_faults(running, seed=7) as aws:
        aws.set(throttle("dynamodb", "UpdateItem", times=2), lost("events", function="Submit"))
        ...
        aws.fired

A worker's request passes three hops: the `serve_worker` proxy, microburst, and the
`serve_microburst` proxy, which forwards it to the emulator. microburst receives only the parts of a
request that its rules match on. It would re-encode the URL and replace the Host header, which are
both signed, and it drops Content-Length from a response without a body.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import NamedTuple

from local.stack import Running
from reliability import microburst, operations, process_lookup
from reliability.faults import Fault, header_value, rules
from reliability.functions import Functions
from reliability.http_messages import DropError, Request, Response, forward
from reliability.microburst import Microburst
from reliability.proxy import ProxiedRequest, Proxy
from reliability.proxy_faults import ProxyFaults, is_proxy_fault
from reliability.route import AWS_URL, FUNCTION_HEADER, aws_url, named_function, routes

REQUEST_ID_HEADER = "x-reliability-request-id"


class FiredFault(NamedTuple):
    """A fault that was injected, and the operation that it affected."""

    fault: Fault
    operation: str


class AwsFaults:
    """The active faults, and the faults that have fired."""

    def __init__(
        self, emulator: str, proxy_faults: ProxyFaults, short: Callable[[str], str] = str
    ) -> None:
        self.microburst: Microburst
        self.url = ""
        self._emulator = emulator
        self._proxy_faults = proxy_faults
        self._short = short
        self._by_rule: dict[int, Fault] = {}
        self._fired: list[FiredFault] = []
        self._lock = Lock()
        self._pending: dict[str, Request] = {}
        self._responses: dict[str, Response] = {}

    def set(self, *faults: Fault) -> None:
        """Replace the active faults. A call gets the first fault that matches and fires."""
        microburst_faults = [fault for fault in faults if not is_proxy_fault(fault)]
        ids = self.microburst.set_rules(rules(microburst_faults))
        self._by_rule |= dict(zip(ids, microburst_faults, strict=True))
        self._proxy_faults.set(faults)

    @property
    def fired(self) -> list[FiredFault]:
        """The faults fired since `reset`: microburst's in order, then the proxy's."""
        from_microburst = [
            FiredFault(self._by_rule[event["rule_id"]], f"{event['service']} {event['operation']}")
            for event in self.microburst.fired()
        ]
        return [*from_microburst, *self._fired]

    def reset(self) -> None:
        """Clear the list of fired faults."""
        self.microburst.clear_fired()
        self._fired.clear()

    def serve_worker(self, proxied: ProxiedRequest) -> Response:
        """Answer a request of a worker."""
        worker, request = proxied.client.worker, proxied.request
        function = self._short(worker.function) if worker else named_function(request)
        if function is None:  # a client that follows a presigned URL
            return forward(self._emulator, request)
        operation = operations.name(request)
        if fault := self._proxy_faults.draw("partial", operation, function):
            self._fired.append(FiredFault(fault, operation))
            return self._proxy_faults.put_events_partially(fault, request)
        response = self._through_microburst(request, function)
        if fault := self._proxy_faults.draw("lost", operation, function):
            self._fired.append(FiredFault(fault, operation))
            raise DropError(f"response with status {response.status} dropped on purpose")
        return response

    def serve_microburst(self, proxied: ProxiedRequest) -> Response:
        """Send a request that microburst let through to the emulator."""
        request_id = proxied.request.header(REQUEST_ID_HEADER)
        with self._lock:
            request = self._pending.pop(request_id, None)
        if request is None:  # a warm-up request
            return Response(404, (), b"", "Not Found")
        self._responses[request_id] = forward(self._emulator, request)
        return Response(200, ((REQUEST_ID_HEADER, request_id),), b"", "OK")

    def _through_microburst(self, request: Request, function: str) -> Response:
        request_id = secrets.token_hex(8)
        self._pending[request_id] = request
        try:
            fault_response = forward(
                self.microburst.url, _matched_parts(request, function, request_id)
            )
        finally:
            with self._lock:
                was_let_through = self._pending.pop(request_id, None) is None
            response = self._responses.pop(request_id, None)
        if not was_let_through:
            return fault_response
        if response is None:
            raise DropError("the emulator did not answer")
        return response


def _matched_parts(request: Request, function: str, request_id: str) -> Request:
    headers = tuple(
        (name, value)
        for name, value in request.headers
        if name.lower() in ("host", "authorization", "content-type")
        or name.lower().startswith("x-amz-")
    )
    added = ((REQUEST_ID_HEADER, request_id), (FUNCTION_HEADER, header_value(function)))
    return Request(request.method, request.target, (*headers, *added), b"")


@contextmanager
def microburst_proxies(
    running: Running,
    emulator: str,
    *,
    seed: int = 0,
    short: Callable[[str], str] = str,
) -> Iterator[AwsFaults]:
    """Start microburst between two proxies before the emulator, with no active fault."""
    events = running.stack.client("events")
    proxy_faults = ProxyFaults(seed, lambda entries: events.put_events(Entries=entries))
    faults = AwsFaults(emulator, proxy_faults, short)
    with Proxy(faults.serve_microburst) as back, Proxy(faults.serve_worker) as front:
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
    """Route the workers of these functions (None: all) through microburst, with no active fault.

    Enter and leave while no job runs: routing stops workers, and URLs that they presigned point to
    this proxy.
    """
    process_lookup.require_proc()
    stack_functions = Functions(running.stack)
    names = stack_functions.select(functions)
    emulator = aws_url(stack_functions, names, running.stack)
    with (
        microburst_proxies(running, emulator, seed=seed, short=stack_functions.short) as faults,
        stack_functions.environment(routes(stack_functions, names, {AWS_URL: faults.url})),
    ):
        yield faults
