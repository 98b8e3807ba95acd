"""Complete HTTP/1.1 messages: client requests and upstream responses."""

import select
import socket
import threading
import time
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from urllib.parse import urlsplit

type Headers = tuple[tuple[str, str], ...]

FORWARD_SECONDS = 120
# The proxy reads whole messages and frames them again, so these headers are not forwarded.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "expect")
# Connections are reused: a new one per request would leave thousands in TIME_WAIT for a minute.
# After a longer idle time the upstream may close a connection just as it is used.
IDLE_SECONDS = 2.0
WITH_BODY = ("POST", "PUT", "PATCH")
_thread = threading.local()


class DropError(Exception):
    """No response follows: the proxy resets the client's connection."""


@dataclass(frozen=True)
class Request:
    """A client's request. Headers and target are unchanged, because they are signed."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return _find(self.headers, name)

    def with_headers(self, added: dict[str, str]) -> "Request":
        """Return a copy with these headers, which replace headers of the same names."""
        names = {name.lower() for name in added}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return replace(self, headers=(*kept, *added.items()))


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
        if request.body or request.method in WITH_BODY:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        body, is_truncated = _read_body(response)
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


def _read_body(response: HTTPResponse) -> tuple[bytes, bool]:
    try:
        return response.read(), False
    except IncompleteRead as error:
        return error.partial, True


def _find(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name.lower()), "")
