"""A small HTTP/1.1 proxy: a handler gets each complete request and returns the whole response.

Headers and target of a request stay unchanged, because they are signed.
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from http.client import HTTPConnection, HTTPException, IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from local.errors import LocalError
from local.ports import LOOPBACK
from reliability import workers

type Headers = tuple[tuple[str, str], ...]
type RequestHandler = Callable[[Request], Response]

FORWARD_SECONDS = 120
# The proxy reads whole messages and frames them again, so these headers are not forwarded.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "expect")
# Connections are reused: a new one per request would leave thousands in TIME_WAIT for a minute.
# After a longer idle time the upstream may close a connection just as it is used.
IDLE_SECONDS = 2.0
METHODS_WITH_BODY = ("POST", "PUT", "PATCH")
STATUSES_WITHOUT_BODY = (204, 304)
_LINGER_ZERO = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() sends RST
_thread = threading.local()


class DropError(Exception):
    """No response follows: the proxy resets the client's connection."""


@dataclass
class Client:
    """A client's connection to the proxy."""

    address: workers.Address
    server: workers.Address

    @cached_property
    def worker(self) -> workers.Worker | None:
        """The Lambda worker that opened the connection, or None."""
        return workers.find(self.address, self.server)


@dataclass(frozen=True)
class Request:
    """A request, and the connection that it came from."""

    method: str
    target: str
    headers: Headers
    body: bytes
    client: Client | None = None

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return _find(self.headers, name)


@dataclass(frozen=True)
class Response:
    """The upstream's response. `is_truncated`: the connection ended before the body did."""

    status: int
    headers: Headers
    body: bytes
    reason: str = ""
    is_truncated: bool = False

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return _find(self.headers, name)


class Proxy:
    """Listens on a loopback port while the context is open, with one thread per connection."""

    def __init__(self, handle: RequestHandler) -> None:
        self._server = _Server((LOOPBACK, 0), _Handler)
        self._server.handle = handle
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._server.connections):
            with suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        if error is None and self._server.errors:
            raise LocalError(f"a proxy failed: {self._server.errors[0]!r}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    handle: RequestHandler

    def __init__(self, *args: Any) -> None:
        self.errors: list[Exception] = []
        self.connections: set[socket.socket] = set()
        super().__init__(*args)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: `_Handler` collects errors of the request handler."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    raw_requestline: bytes

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        self._client = Client(self.client_address, self.connection.getsockname())

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        close_connections()
        super().finish()

    def _serve(self) -> None:
        try:
            # Not `self.path`: it drops one of two leading slashes, which may start an S3 key.
            target = self.raw_requestline.split(b" ")[1].decode("latin-1")
            body = _read_request_body(self.rfile, self.headers)
            headers = tuple(self.headers.items())
            request = Request(self.command, target, headers, body, self._client)
            self._send(self.server.handle(request))
        except (DropError, ConnectionError):
            self._reset()
        except Exception as error:
            self.server.errors.append(error)
            self._reset()
            raise

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve every HTTP method: http.server looks up `do_GET` and similar names."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _send(self, response: Response) -> None:
        headers = [pair for pair in response.headers if pair[0].lower() not in HOP_BY_HOP]
        length = response.header("Content-Length")
        has_body = self.command != "HEAD" and response.status not in STATUSES_WITHOUT_BODY
        if has_body and not response.is_truncated:
            length = str(len(response.body))
        elif response.is_truncated and not length:
            length = str(len(response.body) + 1)
        if length:
            headers.append(("Content-Length", length))
        lines = [
            f"HTTP/1.1 {response.status} {response.reason}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)
        if response.is_truncated:
            self.close_connection = True

    def _reset(self) -> None:
        """End the connection by RST. A FIN would look like a regular end."""
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        with suppress(OSError):  # already closed
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


def _read_request_body(stream: BufferedIOBase, headers: Message) -> bytes:
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return b"".join(iter(lambda: _read_chunk(stream), b""))
    return _read_exactly(stream, int(headers.get("Content-Length") or 0))


def _read_chunk(stream: BufferedIOBase) -> bytes:
    size = int(stream.readline().split(b";")[0] or b"x", 16)
    chunk = _read_exactly(stream, size)
    while (line := stream.readline()) not in (b"\r\n", b"\n", b""):
        if size:
            raise ConnectionError(f"expected the end of a chunk, not {line!r}")
    return chunk


def _read_exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ConnectionError("the request body is truncated")
    return data


def forward(upstream: str, request: Request) -> Response:
    """Forward a request and return the whole response. Raise DropError if there is none."""
    connection = _connection(upstream)
    try:
        connection.putrequest(
            request.method, request.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers:
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        if request.body or request.method in METHODS_WITH_BODY:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        try:
            body, is_truncated = response.read(), False
        except IncompleteRead as error:
            body, is_truncated = error.partial, True
    except (HTTPException, OSError) as error:
        connection.close()
        raise DropError(f"{upstream}: {error}") from error
    if is_truncated:
        connection.close()
    headers = tuple(response.getheaders())
    return Response(response.status, headers, body, response.reason, is_truncated)


def close_connections() -> None:
    """Close the upstream connections of this thread."""
    for connection, _ in vars(_thread).pop("connections", {}).values():
        connection.close()


def _connection(upstream: str) -> HTTPConnection:
    """Return this thread's connection to an upstream, reopened if it may have been closed."""
    connections: dict[str, tuple[HTTPConnection, float]]
    connections = vars(_thread).setdefault("connections", {})
    connection, last_used = connections.get(upstream, (None, 0.0))
    now = time.monotonic()
    if connection is None:
        address = urlsplit(upstream)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=FORWARD_SECONDS)
    elif now - last_used > IDLE_SECONDS or _is_closed(connection):
        connection.close()  # the next request reopens the connection
    connections[upstream] = (connection, now)
    return connection


def _is_closed(connection: HTTPConnection) -> bool:
    # An idle connection is readable only if the upstream has closed it.
    sock: socket.socket | None = connection.sock
    return sock is not None and bool(select.select([sock], [], [], 0)[0])


def _find(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name.lower()), "")
