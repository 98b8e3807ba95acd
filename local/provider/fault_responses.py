"""Responses that a well-kept server would never send: aborts, silence, cut and endless bodies."""

import asyncio
import socket
import struct
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

CHUNK = 64 * 1024


def hang_up(scope: Scope, how: str) -> None:
    """Close the connection under a request. The server puts the transport into the scope."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if how == "reset":
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            # Lingering for no time turns the close into an RST.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


async def until_gone(receive: Receive) -> None:
    """Return when the client's connection is no more."""
    while (await receive())["type"] != "http.disconnect":
        continue


class Closed(Response):
    """No answer at all."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Close, and stay until the server has noticed, or it would answer 500."""
        hang_up(scope, self._how)
        await until_gone(receive)


class Silent(Response):
    """No answer for a long time, then a closed connection."""

    def __init__(self, seconds: float, stopping: asyncio.Event) -> None:
        super().__init__()
        self._seconds = seconds
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Hold until the client leaves, the time is over or the simulator stops."""
        gone = asyncio.ensure_future(until_gone(receive))
        stop = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({gone, stop}, timeout=self._seconds, return_when="FIRST_COMPLETED")
        stop.cancel()
        if not gone.done():
            hang_up(scope, "fin")
            await gone


class Cut(Response):
    """A body that ends before its Content-Length says so, by a closed connection."""

    def __init__(self, body: bytes, media_type: str, keep: float) -> None:
        super().__init__(body, media_type=media_type)
        self._kept = bytes(self.body)[: int(len(body) * keep)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is kept, then close after it has been written out."""
        start: Message = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._kept, "more_body": True})
        hang_up(scope, "fin")
        await until_gone(receive)


class Endless(Response):
    """A long body of the same bytes, never held whole."""

    def __init__(self, size: int, media_type: str, *, declared: bool) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        if declared:
            self.headers["content-length"] = str(size)
        self._size = size

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the size is reached or the client has had enough."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(until_gone(receive))
        await _stream(send, self._size, gone.done)
        gone.cancel()


async def _stream(send: Send, left: int, is_gone: Callable[[], bool]) -> None:
    block = b"\x89PNG\r\n\x1a\n" + bytes(CHUNK - 8)
    while left > 0 and not is_gone():
        part = block[: min(left, CHUNK)]
        left -= len(part)
        await send({"type": "http.response.body", "body": part, "more_body": left > 0})
        await asyncio.sleep(0)


class Trickle(Response):
    """A whole body, slowly."""

    def __init__(
        self, body: bytes, media_type: str, bytes_per_second: int, stopping: asyncio.Event
    ) -> None:
        super().__init__(body, media_type=media_type)
        self._rate = bytes_per_second
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send ten parts a second, of a size that makes the rate."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(until_gone(receive))
        body, part = bytes(self.body), max(1, self._rate // 10)
        for start in range(0, len(body), part):
            if gone.done() or self._stopping.is_set():
                break
            more = start + part < len(body)
            piece = body[start : start + part]
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            await asyncio.sleep(0.1)
        if self._stopping.is_set():
            hang_up(scope, "fin")
        gone.cancel()
