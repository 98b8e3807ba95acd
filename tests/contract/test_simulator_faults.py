"""Simulator faults of polls and downloads are classified as temporary or final."""

from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from darkroom.adapters.wavespeed.client import WaveSpeed
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded, Succeeded, Unreadable
from simulator import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulator_calls import INPUT, MODEL, download, finish

POLLS: list[tuple[str, dict[str, Any]]] = [
    ("poll.http", {"status": 502, "body": "html"}),
    ("poll.not_found", {}),
    ("poll.truncated", {}),
    ("poll.close", {"how": "reset"}),
    ("poll.close", {"how": "fin"}),
    ("poll.hang", {"seconds": 0.2}),
]


@pytest.mark.parametrize(("fault", "params"), POLLS)
def test_failed_poll_is_unreadable_and_the_next_poll_succeeds(
    simulator: testing.Provider, provider: WaveSpeed, fault: str, params: dict[str, Any]
) -> None:
    simulator.fault(fault, **params)

    first = finish(simulator, provider)
    assert isinstance(first, Unreadable)
    assert first.code is Code.PROVIDER_UNAVAILABLE

    [prediction] = simulator.predictions()
    assert isinstance(provider.check(prediction["id"]), Succeeded)


@pytest.mark.parametrize(
    ("fault", "outputs"),
    [
        ("run.object_outputs", 1),
        ("run.two_outputs", 2),
        ("run.nsfw", 1),
        ("run.foreign_urls_get", 1),
    ],
)
def test_outputs_of_any_form_are_downloaded(
    simulator: testing.Provider, provider: WaveSpeed, fault: str, outputs: int
) -> None:
    simulator.fault(fault)

    result = finish(simulator, provider)

    assert isinstance(result, Succeeded)
    assert len(result.outputs) == outputs
    assert all(isinstance(download(simulator, url)[0], Download) for url in result.outputs)


TEMPORARY, FINAL = (Code.ASSET_UNAVAILABLE, False), (Code.ASSET_INVALID, True)
INVALID = (Code.ASSET_INVALID, False)
CDN: list[tuple[str, dict[str, Any], tuple[Code, bool], str]] = [
    ("cdn.http", {"status": 403}, TEMPORARY, "the CDN answered 403"),
    ("cdn.close", {}, TEMPORARY, "the download broke off"),
    ("cdn.hang", {"seconds": 0.2}, TEMPORARY, "the download broke off"),
    ("cdn.truncated", {"kind": "length"}, TEMPORARY, "the download broke off"),
    ("cdn.truncated", {"kind": "consistent"}, TEMPORARY, "the output is cut off"),
    ("cdn.empty", {}, TEMPORARY, "the output is empty"),
    ("cdn.html", {"content_type": "image/png"}, INVALID, "the output is no known image file"),
    ("cdn.redirect", {}, INVALID, "the output lies on a host that is not allowed"),
    ("cdn.foreign_host", {}, FINAL, "the output lies on a host that is not allowed"),
    ("cdn.huge", {"declared": False}, FINAL, "the output is larger than 50 MB"),
]


@pytest.mark.parametrize(("fault", "params", "classification", "reason"), CDN)
def test_faulty_download_has_its_code_and_reason(
    simulator: testing.Provider,
    provider: WaveSpeed,
    fault: str,
    params: dict[str, Any],
    classification: tuple[Code, bool],
    reason: str,
) -> None:
    simulator.fault(fault, **params)
    result = finish(simulator, provider)
    assert isinstance(result, Succeeded)

    downloaded, _ = download(simulator, result.outputs[0])

    assert isinstance(downloaded, NotDownloaded)
    assert (downloaded.code, downloaded.final) == classification
    assert downloaded.reason.startswith(reason)


@pytest.mark.parametrize(
    ("fault", "params"),
    [("cdn.wrong_type", {}), ("cdn.slow", {"seconds": 0.1}), ("run.wrong_size", {})],
)
def test_harmless_deviations_are_downloaded(
    simulator: testing.Provider, provider: WaveSpeed, fault: str, params: dict[str, Any]
) -> None:
    simulator.fault(fault, **params)
    result = finish(simulator, provider)
    assert isinstance(result, Succeeded)

    assert isinstance(download(simulator, result.outputs[0])[0], Download)


class Server(ThreadingHTTPServer):
    """An HTTP server with keep-alive that records the connection of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.client_address))
        body = b'{"code": 200, "data": {"id": "x", "status": "processing"}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Generator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_each_submit_opens_a_connection_and_polls_share_one(server: Server) -> None:
    provider = WaveSpeed(f"http://127.0.0.1:{server.server_port}", Keys())
    with provider._checks, provider._submits:
        for _ in range(3):
            provider.submit(MODEL, INPUT)
            provider.check("x")

    posts, gets = (
        {client for command, client in server.requests if command == method}
        for method in ("POST", "GET")
    )
    assert len(posts) == 3
    assert len(gets) == 1
