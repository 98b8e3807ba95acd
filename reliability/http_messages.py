"""HTTP/1.1 messages, whole: what a client sent and what an upstream answered."""

import select
import socket
import threading
import time
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from urllib.parse import urlsplit

type Headers = tuple[tuple[str, str], ...]

FORWARD_SECONDS = 120
# Theirs end at a proxy that reads whole messages and frames them anew.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "expect")
# A new connection for each request would leave thousands behind for a minute (TIME_WAIT); one that
# was idle for longer may be closed by the other side just as it is used.
KEEP_SECONDS = 2.0
_kept = threading.local()
WITH_BODY = ("POST", "PUT", "PATCH")


class DropError(Exception):
    """There will be no answer: cut the connection."""


@dataclass(frozen=True)
class Request:
    """What a client sent; headers and target exactly, for they are signed."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, or nothing."""
        return _find(self.headers, name)

    def with_headers(self, added: dict[str, str]) -> "Request":
        """The same with these headers in place of any of their names."""
        names = {name.lower() for name in added}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=(*kept, *added.items()))


@dataclass(frozen=True)
class Answer:
    """What the upstream said; `is_cut` when it broke off before its end."""

    status: int
    headers: Headers
    body: bytes
    reason: str = ""
    is_cut: bool = False

    def header(self, name: str) -> str:
        """A header's value, or nothing."""
        return _find(self.headers, name)


def forward(upstream: str, request: Request) -> Answer:
    """Send a request on and read the whole answer; DropError when none comes."""
    connection = _connection(upstream)
    try:
        connection.putrequest(
            request.method, request.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers:
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        if request.body or request.method in WITH_BODY:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        body, is_cut = _read_answer(response)
    except (HTTPException, OSError) as error:
        connection.close()
        raise DropError(f"{upstream}: {error}") from error
    if is_cut:
        connection.close()
    headers = tuple(response.getheaders())
    return Answer(response.status, headers, body, response.reason, is_cut)


def hang_up() -> None:
    """Close the connections that this thread has kept."""
    for connection, _ in vars(_kept).pop("connections", {}).values():
        connection.close()


def _connection(upstream: str) -> HTTPConnection:
    """A connection to an upstream: the one before of this thread, if that is surely open."""
    connections: dict[str, tuple[HTTPConnection, float]]
    connections = vars(_kept).setdefault("connections", {})
    connection, last_used = connections.get(upstream, (None, 0.0))
    now = time.monotonic()
    if connection is None:
        address = urlsplit(upstream)
        connection = HTTPConnection(address.hostname or "", address.port, timeout=FORWARD_SECONDS)
    elif now - last_used > KEEP_SECONDS or _has_ended(connection):
        connection.close()  # it opens itself again
    connections[upstream] = (connection, now)
    return connection


def _has_ended(connection: HTTPConnection) -> bool:
    # An open connection has nothing to say before it is asked.
    sock: socket.socket | None = connection.sock
    return sock is not None and bool(select.select([sock], [], [], 0)[0])


def _read_answer(response: HTTPResponse) -> tuple[bytes, bool]:
    try:
        return response.read(), False
    except IncompleteRead as error:
        return error.partial, True


def _find(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name.lower()), "")
