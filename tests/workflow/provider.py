"""The provider at the level of HTTP: a script of answers to submits, checks and downloads."""

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Any

import httpx

API, CDN = "api.wavespeed.ai", "cdn.wavespeed.ai"
KEY, ROTATED_KEY = "wsk-key-of-the-tests", "wsk-key-after-rotation"
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

_NEVER_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

type Answer = httpx.Response | type[BaseException] | Callable[[httpx.Request], httpx.Response]


class Provider:
    """Answers in the order of its scripts; the last answer of a script is given for ever."""

    def __init__(self) -> None:
        self.key = KEY
        self.posts: list[httpx.Request] = []
        self.gets = 0
        self.not_taken: list[bool] = []
        self.on_post: Callable[[str], None] = lambda _: None
        self.submits(accepted())
        self.checks(completed())
        self.files(file())

    def submits(self, *answers: Answer) -> None:
        """Script the answers to POSTs."""
        self._submits = _script(answers)

    def checks(self, *answers: Answer) -> None:
        """Script the answers to GETs of the prediction."""
        self._checks = _script(answers)

    def files(self, *answers: Answer) -> None:
        """Script the answers of the CDN."""
        self._files = _script(answers)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Stand in for httpx's transport."""
        if request.url.host == CDN:
            assert "authorization" not in request.headers, "the key must not go to the CDN"
            return _answer(next(self._files), request)
        assert request.url.host == API
        if request.method == "POST":
            return self._submit(request)
        assert request.url.path == f"/api/v3/predictions/{PREDICTION}/result"
        self.gets += 1
        return _answer(next(self._checks), request)

    def _submit(self, request: httpx.Request) -> httpx.Response:
        self.on_post("before POST")
        self.posts.append(request)
        answer: Answer = next(self._submits)
        if request.headers["authorization"] != f"Bearer {self.key}":
            answer = problem(401, "invalid key")
        # Proof that nothing was taken: no connection, or the provider's own word.
        told = isinstance(answer, httpx.Response) and answer.status_code in (401, 429)
        self.not_taken.append(told or answer in _NEVER_CONNECTED)
        response = _answer(answer, request)
        self.on_post("after POST")
        return response


def accepted() -> httpx.Response:
    return _data({"id": PREDICTION, "status": "created", "outputs": []})


def standing(status: str) -> httpx.Response:
    return _data({"id": PREDICTION, "status": status, "outputs": []})


def completed(*outputs: str) -> httpx.Response:
    return _data({"id": PREDICTION, "status": "completed", "outputs": outputs or [OUTPUT]})


def failed(error: str, code: int = 0) -> httpx.Response:
    return _data({"id": PREDICTION, "status": "failed", "error": error, "code": code})


def problem(status: int, message: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"code": status, "message": message}, headers=named)


def html(status: int) -> httpx.Response:
    return httpx.Response(status, text="<html>Bad gateway</html>")


def file(content: bytes = PNG) -> httpx.Response:
    return httpx.Response(200, content=content, headers={"content-type": "image/png"})


def _data(data: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"code": 200, "message": "success", "data": data})


def _script(answers: Iterable[Answer]) -> Iterator[Answer]:
    given = list(answers)
    return chain(given, repeat(given[-1]))


def _answer(answer: Answer, request: httpx.Request) -> httpx.Response:
    if isinstance(answer, type):
        raise answer("scripted", request=request)
    if not isinstance(answer, httpx.Response):
        return answer(request)
    # A fresh one each time: a response can be read once.
    return httpx.Response(answer.status_code, headers=answer.headers, stream=_Body(answer.content))


class _Body(httpx.SyncByteStream):
    """A body as it comes off a socket: not read yet."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


def body(request: httpx.Request) -> dict[str, Any]:
    """Return what a POST carried."""
    value: dict[str, Any] = json.loads(request.content)
    return value
