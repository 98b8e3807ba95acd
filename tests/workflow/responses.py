"""HTTP responses of the provider and its CDN."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx

API, CDN = "api.wavespeed.ai", "cdn.wavespeed.ai"
KEY, ROTATED_KEY = "wsk-key-of-the-tests", "wsk-key-after-rotation"
WEBHOOK_SECRET = "whsec_of_the_tests"
PREDICTION = "e6832d4abffb4d79bfbca19783fca133"
SIGNATURE = "signature-that-must-not-be-logged"
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

type Response = httpx.Response | type[BaseException]
type ScriptedResponse = Response | Callable[[httpx.Request], httpx.Response]


def status_response(status: str) -> httpx.Response:
    return data({"id": PREDICTION, "status": status, "outputs": []})


def completed(*outputs: str) -> httpx.Response:
    return data({"id": PREDICTION, "status": "completed", "outputs": outputs or [OUTPUT]})


def failed(error: str, code: int = 0) -> httpx.Response:
    return data({"id": PREDICTION, "status": "failed", "error": error, "code": code})


def error_response(status: int, message: str = "", **headers: str) -> httpx.Response:
    header_values = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"code": status, "message": message}, headers=header_values)


def html(status: int) -> httpx.Response:
    return httpx.Response(status, text="<html>Bad gateway</html>")


def file(content: bytes = PNG) -> httpx.Response:
    return httpx.Response(200, content=content, headers={"content-type": "image/png"})


def body(request: httpx.Request) -> dict[str, Any]:
    """Return the JSON body of a request."""
    value: dict[str, Any] = json.loads(request.content)
    return value


def data(data: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"code": 200, "message": "success", "data": data})


def send_response(response: ScriptedResponse, request: httpx.Request) -> httpx.Response:
    """Return the scripted response to a request, or raise the scripted exception."""
    if isinstance(response, type):
        raise response("scripted", request=request)
    if not isinstance(response, httpx.Response):
        return send_response(response(request), request)
    # A new response each time, because a response can be read only once.
    return httpx.Response(
        response.status_code, headers=response.headers, stream=_Body(response.content)
    )


class _Body(httpx.SyncByteStream):
    """A response body that is not read yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
