"""A small HTTP/1.1 proxy: its owner sees every request whole and decides what becomes of it.

Bodies are held in memory: a request is sent on when all of it is here, and is done when all of its
answer is.
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
from reliability.http_messages import HOP_BY_HOP, Answer, DropError, Request, hang_up

type Serve = Callable[[Visit], Answer]

BODILESS = (204, 304)
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close() sends RST


@dataclass
class Peer:
    """The other end of a connection."""

    client: process_lookup.Address
    server: process_lookup.Address

    @cached_property
    def worker(self) -> process_lookup.Worker | None:
        """The Lambda worker that it is, if it is one; looked up once."""
        return process_lookup.worker_at(self.client, self.server)


@dataclass(frozen=True)
class Visit:
    """One request, and who sent it."""

    request: Request
    peer: Peer


class Proxy:
    """Listens on a port of loopback while it is entered; one thread a connection."""

    def __init__(self, serve: Serve) -> None:
        self._server = _Server((LOOPBACK, 0), _Handler)
        self._server.serve = serve
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
        for connection in list(self._server.open):
            with suppress(OSError):  # it ends by itself
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        if error is None and self._server.errors:
            raise LocalError(f"a proxy failed: {self._server.errors[0]!r}")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    serve: Serve

    def __init__(self, *args: Any) -> None:
        self.errors: list[Exception] = []
        self.open: set[socket.socket] = set()
        super().__init__(*args)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: what is not a peer that went away is kept by the handler."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    raw_requestline: bytes

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)
        self._peer = Peer(self.client_address, self.connection.getsockname())

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        hang_up()
        super().finish()

    def _serve(self) -> None:
        try:
            # `self.path` would lack one of two slashes at its start, which may begin an S3 key.
            target = self.raw_requestline.split(b" ")[1].decode("latin-1")
            body = _read_body(self.rfile, self.headers)
            request = Request(self.command, target, tuple(self.headers.items()), body)
            self._send(self.server.serve(Visit(request, self._peer)))
        except (DropError, ConnectionError):
            self._cut()
        except Exception as error:
            self.server.errors.append(error)
            self._cut()
            raise

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve every method alike: http.server looks for `do_GET` and so on."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _send(self, answer: Answer) -> None:
        kept = [pair for pair in answer.headers if pair[0].lower() not in HOP_BY_HOP]
        length = answer.header("Content-Length")
        if not (self.command == "HEAD" or answer.status in BODILESS or answer.is_cut):
            length = str(len(answer.body))
        elif answer.is_cut and not length:
            length = str(len(answer.body) + 1)
        if length:
            kept.append(("Content-Length", length))
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{n}: {v}" for n, v in kept)]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body)
        if answer.is_cut:
            self.close_connection = True

    def _cut(self) -> None:
        """End the connection by RST: no FIN, which would read like an end in order."""
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        _abort(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


def _abort(connection: socket.socket) -> None:
    with suppress(OSError):  # it is gone already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
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
            raise ConnectionError(f"no end of a chunk, but {line!r}")
    return chunk


def _read_exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ConnectionError("the request broke off")
    return data
