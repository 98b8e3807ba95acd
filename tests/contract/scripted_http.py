"""A scripted HTTP transport that records its requests, and builders of responses."""

from collections.abc import Callable
from typing import Any

import httpx
from pydantic import SecretStr

from darkroom.adapters.wavespeed.client import WaveSpeed

ID = "e6832d4abffb4d79bfbca19783fca133"
BASE = "https://api.wavespeed.test"

type ScriptedResponse = httpx.Response | Exception


class Keys:
    """An in-memory key port. `read(fresh=True)` moves to the next value, as after a rotation."""

    def __init__(self, *values: str) -> None:
        self._values = list(values or ("old",))
        self.reads: list[bool] = []

    def read(self, *, fresh: bool = False) -> SecretStr:
        self.reads.append(fresh)
        if fresh and len(self._values) > 1:
            self._values.pop(0)
        return SecretStr(self._values[0])


class ScriptedHttp:
    """A transport with scripted responses; the last response repeats."""

    def __init__(
        self, *responses: ScriptedResponse | Callable[[httpx.Request], httpx.Response]
    ) -> None:
        self._responses = list(responses)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        if isinstance(response, Exception):
            raise response
        return response if isinstance(response, httpx.Response) else response(request)

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
    """Return a response that streams `content` and `more` as separate chunks."""
    return httpx.Response(status, headers=headers, content=iter([content, *more]))
