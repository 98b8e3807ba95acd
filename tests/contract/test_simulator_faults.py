"""Faults of polls and of the CDN, by the simulator: tried again, or refused for good."""

from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from darkroom.adapters.wavespeed import WaveSpeed
from darkroom.domain.errors import Code
from darkroom.ports import Accepted, Download, NotDownloaded, Running, Succeeded, Unreadable
from local.provider import testing
from tests.contract.scripted_http import Keys
from tests.contract.simulated import INPUT, MODEL, download, finish

POLLS: list[tuple[str, dict[str, Any]]] = [
    ("poll.http", {"status": 429, "retry_after": 5}),
    ("poll.http", {"status": 500}),
    ("poll.http", {"status": 502, "body": "html"}),
    ("poll.http", {"status": 504, "body": "empty"}),
    ("poll.not_found", {}),
    ("poll.not_json", {}),
    ("poll.truncated", {}),
    ("poll.close", {"how": "reset"}),
    ("poll.close", {"how": "fin"}),
    ("poll.hang", {"seconds": 0.2}),
    ("poll.body_code", {"code": 500}),
]


@pytest.mark.parametrize(("fault", "params"), POLLS)
def test_a_poll_that_fails_is_unreadable_and_the_next_one_is_not(
    simulator: testing.Provider, provider: WaveSpeed, fault: str, params: dict[str, Any]
) -> None:
    simulator.fault(fault, **params)

    first = finish(simulator, provider)
    assert isinstance(first, Unreadable)
    assert first.code is Code.PROVIDER_UNAVAILABLE

    [prediction] = simulator.predictions()
    assert isinstance(provider.check(prediction["id"]), Succeeded)


@pytest.mark.parametrize(
    ("fault", "params", "known"),
    [
        ("run.stuck_created", {}, True),
        ("run.stuck_processing", {}, True),
        ("run.status_word", {"status": "queued"}, True),
        ("run.status_word", {"status": "pending"}, True),
        ("run.status_word", {"status": "simmering"}, False),
    ],
)
def test_a_run_that_does_not_end_is_running(
    simulator: testing.Provider,
    provider: WaveSpeed,
    fault: str,
    params: dict[str, Any],
    known: bool,
) -> None:
    simulator.options(time_scale=1)
    simulator.fault(fault, **params)
    submission = provider.submit(MODEL, INPUT)
    assert isinstance(submission, Accepted)

    found = provider.check(submission.prediction_id)

    assert isinstance(found, Running)
    assert found.known is known


@pytest.mark.parametrize("word", ["succeeded", "success"])
def test_other_words_for_success_are_success(
    simulator: testing.Provider, provider: WaveSpeed, word: str
) -> None:
    simulator.fault("run.status_word", status=word, at="end")

    assert isinstance(finish(simulator, provider), Succeeded)


@pytest.mark.parametrize(
    ("fault", "outputs"),
    [
        ("run.object_outputs", 1),
        ("run.two_outputs", 2),
        ("run.nsfw", 1),
        ("run.foreign_urls_get", 1),
    ],
)
def test_outputs_of_any_shape_can_be_downloaded(
    simulator: testing.Provider, provider: WaveSpeed, fault: str, outputs: int
) -> None:
    simulator.fault(fault)

    found = finish(simulator, provider)

    assert isinstance(found, Succeeded)
    assert len(found.outputs) == outputs
    assert all(isinstance(download(simulator, url)[0], Download) for url in found.outputs)


LATER, NEVER = (Code.ASSET_UNAVAILABLE, False), (Code.ASSET_INVALID, True)
INVALID = (Code.ASSET_INVALID, False)
CDN: list[tuple[str, dict[str, Any], tuple[Code, bool], str]] = [
    ("cdn.http", {"status": 403}, LATER, "the CDN answered 403"),
    ("cdn.http", {"status": 404}, LATER, "the CDN answered 404"),
    ("cdn.close", {}, LATER, "the download broke off"),
    ("cdn.hang", {"seconds": 0.2}, LATER, "the download broke off"),
    ("cdn.truncated", {"kind": "length"}, LATER, "the download broke off"),
    ("cdn.truncated", {"kind": "consistent"}, LATER, "the output is cut off"),
    ("cdn.empty", {}, LATER, "the output is empty"),
    ("cdn.html", {}, INVALID, "the output is no known media file"),
    ("cdn.html", {"content_type": "image/png"}, INVALID, "the output is no known media file"),
    ("cdn.redirect", {}, NEVER, "the output lies on a host that is not allowed"),
    ("cdn.foreign_host", {}, NEVER, "the output lies on a host that is not allowed"),
    ("cdn.huge", {"declared": True}, NEVER, "the output is larger than 50 MB"),
    ("cdn.huge", {"declared": False}, NEVER, "the output is larger than 50 MB"),
]


@pytest.mark.parametrize(("fault", "params", "kind", "reason"), CDN)
def test_a_faulty_download_is_told_by_kind(
    simulator: testing.Provider,
    provider: WaveSpeed,
    fault: str,
    params: dict[str, Any],
    kind: tuple[Code, bool],
    reason: str,
) -> None:
    simulator.fault(fault, **params)
    found = finish(simulator, provider)
    assert isinstance(found, Succeeded)

    got, _ = download(simulator, found.outputs[0])

    assert isinstance(got, NotDownloaded)
    assert (got.code, got.final) == kind
    assert got.reason.startswith(reason)


@pytest.mark.parametrize(
    ("fault", "params"),
    [("cdn.wrong_type", {}), ("cdn.slow", {"seconds": 0.1}), ("run.wrong_size", {})],
)
def test_what_only_looks_odd_is_downloaded(
    simulator: testing.Provider, provider: WaveSpeed, fault: str, params: dict[str, Any]
) -> None:
    simulator.fault(fault, **params)
    found = finish(simulator, provider)
    assert isinstance(found, Succeeded)

    assert isinstance(download(simulator, found.outputs[0])[0], Download)


class Server(ThreadingHTTPServer):
    """Keeps connections alive, and remembers each request's."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.seen.append((self.command, self.client_address))
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


def test_every_submit_has_a_connection_of_its_own_and_checks_share_one(server: Server) -> None:
    provider = WaveSpeed(f"http://127.0.0.1:{server.server_port}", Keys())
    with provider._checks, provider._submits:
        for _ in range(3):
            provider.submit(MODEL, INPUT)
            provider.check("x")

    posts, gets = ({who for verb, who in server.seen if verb == kind} for kind in ("POST", "GET"))
    assert len(posts) == 3
    assert len(gets) == 1
