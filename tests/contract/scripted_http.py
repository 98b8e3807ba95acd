"""A provider that answers with exactly what a test says, and remembers what it was asked."""

from collections.abc import Callable
from typing import Any

import httpx
from pydantic import SecretStr

from darkroom.adapters.wavespeed import WaveSpeed

ID = "e6832d4abffb4d79bfbca19783fca133"
BASE = "https://api.wavespeed.test"

type Answer = httpx.Response | Exception


class Keys:
    """The port of the adapter for its key: an old one, and after a rotation a new one."""

    def __init__(self, *values: str) -> None:
        self._values = list(values or ("old",))
        self.reads: list[bool] = []

    def read(self, *, fresh: bool = False) -> SecretStr:
        self.reads.append(fresh)
        if fresh and len(self._values) > 1:
            self._values.pop(0)
        return SecretStr(self._values[0])


class ScriptedHttp:
    """A transport with scripted answers; the last one is for ever."""

    def __init__(self, *answers: Answer | Callable[[httpx.Request], httpx.Response]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)


def provider(http: ScriptedHttp, keys: Keys | None = None) -> WaveSpeed:
    return WaveSpeed(BASE, keys or Keys(), http.transport)


def envelope(data: Any, code: Any = 200, message: str = "success") -> httpx.Response:
    return httpx.Response(200, json={"code": code, "message": message, "data": data})


def error(status: int, message: str = "no", **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": status, "message": message, **more})


def html(status: int) -> httpx.Response:
    return httpx.Response(status, html=f"<html><h1>{status} Bad Gateway</h1></html>")


def file(
    content: bytes, *more: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> httpx.Response:
    """A body that streams, in as many chunks as are given."""
    return httpx.Response(status, headers=headers, content=iter([content, *more]))
