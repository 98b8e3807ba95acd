"""Faulty HTTP responses: closed and hanging connections, truncated and oversized bodies."""

import asyncio
import socket
import struct
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

CHUNK = 64 * 1024


def close_connection(scope: Scope, how: str) -> None:
    """Close the connection of a request. The server puts the transport into the scope."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if how == "reset":
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            # A linger time of zero makes the kernel send RST instead of FIN.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        continue


class ClosedConnection(Response):
    """Closes the connection without a response."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Close, then wait until uvicorn has noticed; otherwise it would send a 500."""
        close_connection(scope, self._how)
        await wait_for_disconnect(receive)


class HangingResponse(Response):
    """Sends nothing for some seconds, then closes the connection."""

    def __init__(self, seconds: float, stopping: asyncio.Event) -> None:
        super().__init__()
        self._seconds = seconds
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Wait for the client to disconnect, the time to pass or the simulator to stop."""
        gone = asyncio.ensure_future(wait_for_disconnect(receive))
        stop = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({gone, stop}, timeout=self._seconds, return_when="FIRST_COMPLETED")
        stop.cancel()
        if not gone.done():
            close_connection(scope, "fin")
            await gone


class TruncatedResponse(Response):
    """Closes the connection before the declared Content-Length has been sent."""

    def __init__(self, body: bytes, media_type: str, keep: float) -> None:
        super().__init__(body, media_type=media_type)
        self._kept = bytes(self.body)[: int(len(body) * keep)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the first part of the body, then close the connection."""
        start: Message = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._kept, "more_body": True})
        close_connection(scope, "fin")
        await wait_for_disconnect(receive)


class OversizedResponse(Response):
    """Streams a large body of repeated bytes without buffering it."""

    def __init__(self, size: int, media_type: str, *, declared: bool) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        if declared:
            self.headers["content-length"] = str(size)
        self._size = size

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the size is reached or the client disconnects."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(wait_for_disconnect(receive))
        await _stream(send, self._size, gone.done)
        gone.cancel()


async def _stream(send: Send, remaining: int, is_disconnected: Callable[[], bool]) -> None:
    block = b"\x89PNG\r\n\x1a\n" + bytes(CHUNK - 8)
    while remaining > 0 and not is_disconnected():
        part = block[: min(remaining, CHUNK)]
        remaining -= len(part)
        await send({"type": "http.response.body", "body": part, "more_body": remaining > 0})
        await asyncio.sleep(0)


class SlowResponse(Response):
    """Sends the whole body at a limited rate."""

    def __init__(
        self, body: bytes, media_type: str, bytes_per_second: int, stopping: asyncio.Event
    ) -> None:
        super().__init__(body, media_type=media_type)
        self._rate = bytes_per_second
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send ten parts per second, each a tenth of the rate."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        gone = asyncio.ensure_future(wait_for_disconnect(receive))
        body, part = bytes(self.body), max(1, self._rate // 10)
        for start in range(0, len(body), part):
            if gone.done() or self._stopping.is_set():
                break
            more = start + part < len(body)
            piece = body[start : start + part]
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            await asyncio.sleep(0.1)
        if self._stopping.is_set():
            close_connection(scope, "fin")
        gone.cancel()
