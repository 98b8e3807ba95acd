"""A record of every request that either origin received, and of what was sent back."""

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
    """One request. The status stays null when no answer was sent."""

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
        """The entry as the admin API prints it."""
        return asdict(self)


class RequestLog:
    """Wraps an app; the admin API is not part of the provider, so it is left out."""

    def __init__(self, app: ASGIApp, entries: deque[Entry], origin: str) -> None:
        self._app, self._entries, self._origin = app, entries, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record one request while it is served."""
        if scope["type"] != "http" or scope["path"].startswith("/_admin"):
            await self._app(scope, receive, send)
            return
        number = self._entries[-1].number + 1 if self._entries else 1
        entry = _open(scope, number, self._origin)
        self._entries.append(entry)
        began, digest, received = time.perf_counter(), hashlib.sha256(), bytearray()

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                part = message.get("body", b"")
                entry.request_length += len(part)
                received.extend(part[: max(0, KEPT_BODY - len(received))])
                if not message.get("more_body", False):
                    entry.body = _decoded(bytes(received))
            return message

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            else:
                digest.update(message.get("body", b""))
                entry.response_length += len(message.get("body", b""))
                entry.response_sha256 = digest.hexdigest()
                entry.is_complete = not message.get("more_body", False)
            # Noted before it is sent: a client that has its answer finds it in the log.
            entry.seconds, entry.fault = time.perf_counter() - began, scope["state"].get("fault")
            await send(message)

        try:
            await self._app(scope, heard, said)
        finally:
            entry.seconds, entry.fault = time.perf_counter() - began, scope["state"].get("fault")


def _open(scope: Scope, number: int, origin: str) -> Entry:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if "authorization" in headers:
        headers["authorization"] = masked(headers["authorization"])
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    return Entry(number, origin, scope["method"], scope["path"], query, headers, time.time())


def masked(header: str) -> str:
    """A bearer header that shows no more than the last four characters of its key."""
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
