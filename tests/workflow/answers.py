"""What the provider and its CDN can answer, as responses of HTTP."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx

API, CDN = "api.wavespeed.ai", "cdn.wavespeed.ai"
KEY, ROTATED_KEY = "wsk-key-of-the-tests", "wsk-key-after-rotation"
HOOK_SECRET = "whsec_of_the_tests"
PREDICTION = "e6832d4abffb4d79bfbca19783fca133"
SIGNATURE = "signature-that-nobody-may-log"
OUTPUT = f"https://{CDN}/{PREDICTION}/1.png?sig={SIGNATURE}"
PNG = b"".join(
    (
        b"\x89PNG\r\n\x1a\n",
        struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 64, 48, 8, 2, 0, 0, 0, 0),
        struct.pack(">I4s", 0, b"IDAT"),
        bytes(4),
        struct.pack(">I4sI", 0, b"IEND", 0xAE426082),
    )
)

type Reply = httpx.Response | type[BaseException]
type Answer = Reply | Callable[[httpx.Request], httpx.Response]


def standing(status: str) -> httpx.Response:
    return data({"id": PREDICTION, "status": status, "outputs": []})


def completed(*outputs: str) -> httpx.Response:
    return data({"id": PREDICTION, "status": "completed", "outputs": outputs or [OUTPUT]})


def failed(error: str, code: int = 0) -> httpx.Response:
    return data({"id": PREDICTION, "status": "failed", "error": error, "code": code})


def problem(status: int, message: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"code": status, "message": message}, headers=named)


def html(status: int) -> httpx.Response:
    return httpx.Response(status, text="<html>Bad gateway</html>")


def file(content: bytes = PNG) -> httpx.Response:
    return httpx.Response(200, content=content, headers={"content-type": "image/png"})


def body(request: httpx.Request) -> dict[str, Any]:
    """Return what a POST carried."""
    value: dict[str, Any] = json.loads(request.content)
    return value


def data(data: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"code": 200, "message": "success", "data": data})


def give(answer: Answer, request: httpx.Request) -> httpx.Response:
    """Return the response to a request, or raise what there is instead of one."""
    if isinstance(answer, type):
        raise answer("scripted", request=request)
    if not isinstance(answer, httpx.Response):
        return give(answer(request), request)
    # A fresh one each time: a response can be read once.
    return httpx.Response(answer.status_code, headers=answer.headers, stream=_Body(answer.content))


class _Body(httpx.SyncByteStream):
    """A body as it comes off a socket: not read yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
