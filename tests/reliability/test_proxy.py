"""The proxy forwards messages unchanged and resets connections on request."""

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from threading import Thread
from urllib.parse import urlsplit

import pytest

from local.errors import LocalError
from reliability.proxy import DropError, Proxy, Request, Response, forward

OK = Response(200, (), b"done", "OK")


class Upstream:
    """Records requests, and returns a fixed response."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.response = OK

    def serve(self, request: Request) -> Response:
        self.requests.append(request)
        return self.response


@pytest.fixture
def upstream() -> Iterator[tuple[Upstream, str]]:
    fake = Upstream()
    with Proxy(fake.serve) as server:
        yield fake, server.url


@pytest.fixture
def proxied(upstream: tuple[Upstream, str]) -> Iterator[str]:
    _, url = upstream
    with Proxy(partial(forward, url)) as proxy:
        yield proxy.url


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=5)


def exchange(url: str, raw: bytes) -> bytes:
    """Send bytes. Return the bytes received until the connection closes."""
    with closing(connect(url)) as sock:
        sock.sendall(raw)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@contextmanager
def raw_server(respond: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that reads a request's head, calls `respond` and closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += sock.recv(65536)
                respond(sock)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_request_is_forwarded_unchanged(upstream: tuple[Upstream, str], proxied: str) -> None:
    raw = (
        b"PUT //bucket/a%20b%2Bc%2541?x=%2F&y HTTP/1.1\r\nHost: signed.example:1\r\n"
        b"X-Amz-Meta-a: 1\r\nx-amz-meta-A: 2\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    )

    response = exchange(proxied, raw)

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"\r\n\r\ndone")
    (request,) = upstream[0].requests
    assert (request.method, request.body) == ("PUT", b"abc")
    assert request.target == "//bucket/a%20b%2Bc%2541?x=%2F&y"
    assert request.headers[:3] == (
        ("Host", "signed.example:1"),
        ("X-Amz-Meta-a", "1"),
        ("x-amz-meta-A", "2"),
    )


def test_expect_100_continue_is_answered(upstream: tuple[Upstream, str], proxied: str) -> None:
    with closing(connect(proxied)) as sock:
        sock.sendall(b"PUT /k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hi")
        assert sock.recv(100).startswith(b"HTTP/1.1 200")

    (request,) = upstream[0].requests
    assert request.body == b"hi"
    assert request.header("expect") == ""


def test_chunked_request_body_is_forwarded(upstream: tuple[Upstream, str], proxied: str) -> None:
    raw = (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
    )

    assert exchange(proxied, raw).startswith(b"HTTP/1.1 200")

    assert upstream[0].requests[0].body == b"abc0123456789"


def test_connection_is_reused_for_requests_with_large_bodies(
    upstream: tuple[Upstream, str], proxied: str
) -> None:
    body = bytes(2_000_000)
    upstream[0].response = Response(200, (), body)

    with closing(http.client.HTTPConnection(urlsplit(proxied).netloc)) as client:
        for _ in range(3):
            client.request("POST", "/", body)
            assert client.getresponse().read() == body

    assert [len(request.body) for request in upstream[0].requests] == [len(body)] * 3


@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, "123"), ("GET", 304, "123"), ("GET", 204, None)]
)
def test_response_without_body_keeps_content_length(
    upstream: tuple[Upstream, str], proxied: str, method: str, status: int, length: str | None
) -> None:
    headers = (("Content-Length", length),) if length else ()
    upstream[0].response = Response(status, headers, b"")

    with closing(http.client.HTTPConnection(urlsplit(proxied).netloc)) as client:
        for _ in range(2):
            client.request(method, "/")
            response = client.getresponse()
            assert (response.read(), response.getheader("Content-Length")) == (b"", length)


def test_missing_upstream_response_resets_the_connection() -> None:
    with (
        raw_server(lambda _sock: None) as url,
        Proxy(partial(forward, url)) as proxy,
        pytest.raises(ConnectionResetError),
    ):
        exchange(proxy.url, b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart",
    ],
)
def test_truncated_upstream_response_is_truncated_for_the_client(raw: bytes) -> None:
    with (
        raw_server(lambda sock: sock.sendall(raw)) as url,
        Proxy(partial(forward, url)) as proxy,
        closing(http.client.HTTPConnection(urlsplit(proxy.url).netloc)) as client,
    ):
        client.request("GET", "/")
        with pytest.raises(http.client.IncompleteRead):
            client.getresponse().read()


def test_drop_error_resets_the_connection() -> None:
    def serve(_request: Request) -> Response:
        raise DropError("on purpose")

    with Proxy(serve) as proxy, pytest.raises(ConnectionResetError):
        exchange(proxy.url, b"GET / HTTP/1.1\r\n\r\n")


def test_handler_exception_is_raised_on_exit() -> None:
    def serve(_request: Request) -> Response:
        raise ValueError("a mistake")

    with (
        pytest.raises(LocalError, match="a mistake"),
        Proxy(serve) as proxy,
        pytest.raises(ConnectionResetError),
    ):
        exchange(proxy.url, b"GET / HTTP/1.1\r\n\r\n")


def test_open_connections_are_closed_on_exit() -> None:
    with Proxy(lambda _request: OK) as proxy:
        sock = connect(proxy.url)
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(1000).endswith(b"done")

    with closing(sock):
        assert sock.recv(1000) == b""
