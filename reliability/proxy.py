"""A small HTTP/1.1 proxy that passes each complete request to a handler.

Bodies are buffered in memory: the handler gets a complete request and returns a complete response.
"""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from threading import Thread
from types import TracebackType
from typing import Any, Self

from local.errors import LocalError
from local.ports import LOOPBACK
from reliability import process_lookup
from reliability.http_messages import (
    HOP_BY_HOP,
    DropError,
    Request,
    Response,
    close_connections,
)

type RequestHandler = Callable[[ProxiedRequest], Response]

STATUSES_WITHOUT_BODY = (204, 304)
_LINGER_ZERO = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close() sends RST


@dataclass
class ClientConnection:
    """A client's connection to the proxy."""

    client: process_lookup.Address
    server: process_lookup.Address

    @cached_property
    def worker(self) -> process_lookup.Worker | None:
        """The Lambda worker that opened the connection, or None."""
        return process_lookup.find_worker(self.client, self.server)


@dataclass(frozen=True)
class ProxiedRequest:
    """A request, and the connection that it came from."""

    request: Request
    client: ClientConnection


class Proxy:
    """Listens on a loopback port while the context is open, with one thread per connection."""

    def __init__(self, handle: RequestHandler) -> None:
        self._server = _Server((LOOPBACK, 0), _Handler)
        self._server.handle = handle
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

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
        self._client = ClientConnection(self.client_address, self.connection.getsockname())

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        close_connections()
        super().finish()

    def _serve(self) -> None:
        try:
            # Not `self.path`: it drops one of two leading slashes, which may start an S3 key.
            target = self.raw_requestline.split(b" ")[1].decode("latin-1")
            body = _read_body(self.rfile, self.headers)
            request = Request(self.command, target, tuple(self.headers.items()), body)
            self._send(self.server.handle(ProxiedRequest(request, self._client)))
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
        _abort(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


def _abort(connection: socket.socket) -> None:
    with suppress(OSError):  # already closed
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        connection.close()


def _read_body(stream: BufferedIOBase, headers: Message) -> bytes:
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
