"""A log of all requests to both origins, with their responses."""

import hashlib
import json
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT_BODY = 64 * 1024


@dataclass
class Entry:
    """One request. The status stays None if no response was sent."""

    number: int
    origin: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float
    status: int | None = None
    seconds: float | None = None
    fault: str | None = None
    request_length: int = 0
    body: Any = None
    response_length: int = 0
    response_sha256: str | None = None
    is_complete: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the form of the admin API."""
        return asdict(self)


class RequestLog:
    """ASGI middleware that logs requests, except those to the admin API."""

    def __init__(self, app: ASGIApp, entries: deque[Entry], origin: str) -> None:
        self._app, self._entries, self._origin = app, entries, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and log it."""
        if scope["type"] != "http" or scope["path"].startswith("/_admin"):
            await self._app(scope, receive, send)
            return
        number = self._entries[-1].number + 1 if self._entries else 1
        entry = _open(scope, number, self._origin)
        self._entries.append(entry)
        start, digest, received = time.perf_counter(), hashlib.sha256(), bytearray()

        async def logged_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                part = message.get("body", b"")
                entry.request_length += len(part)
                received.extend(part[: max(0, KEPT_BODY - len(received))])
                if not message.get("more_body", False):
                    entry.body = _decoded(bytes(received))
            return message

        async def logged_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            else:
                digest.update(message.get("body", b""))
                entry.response_length += len(message.get("body", b""))
                entry.response_sha256 = digest.hexdigest()
                entry.is_complete = not message.get("more_body", False)
            # Recorded before sending, so that a client with its response finds the entry complete.
            entry.seconds, entry.fault = time.perf_counter() - start, scope["state"].get("fault")
            await send(message)

        try:
            await self._app(scope, logged_receive, logged_send)
        finally:
            entry.seconds, entry.fault = time.perf_counter() - start, scope["state"].get("fault")


def _open(scope: Scope, number: int, origin: str) -> Entry:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if "authorization" in headers:
        headers["authorization"] = masked(headers["authorization"])
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    return Entry(number, origin, scope["method"], scope["path"], query, headers, time.time())


def masked(header: str) -> str:
    """Return the bearer header with only the last four characters of the key."""
    scheme, _, key = header.partition(" ")
    return f"{scheme} …{key[-4:] if len(key) > 4 else ''}"


def _decoded(raw: bytes) -> Any:
    try:
        text = raw.decode()
        return json.loads(text) if text else None
    except UnicodeDecodeError:
        return None
    except ValueError:
        return text
