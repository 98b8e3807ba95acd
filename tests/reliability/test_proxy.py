"""The proxy passes messages on exactly, and ends connections as its owner wishes."""

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Thread
from urllib.parse import urlsplit

import pytest

from local.errors import LocalError
from reliability.http_messages import Answer, DropError, Request, forward
from reliability.proxy import Proxy, Visit

OK = Answer(200, (), b"done", "OK")


class Upstream:
    """Keeps what it was sent; answers what it was told to."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer = OK

    def serve(self, visit: Visit) -> Answer:
        self.requests.append(visit.request)
        return self.answer


@pytest.fixture
def upstream() -> Iterator[tuple[Upstream, str]]:
    known = Upstream()
    with Proxy(known.serve) as server:
        yield known, server.url


@pytest.fixture
def proxied(upstream: tuple[Upstream, str]) -> Iterator[str]:
    _, url = upstream
    with Proxy(lambda visit: forward(url, visit.request)) as proxy:
        yield proxy.url


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=5)


def talk(url: str, raw: bytes) -> bytes:
    """Send bytes; all that comes until the end."""
    with closing(connect(url)) as sock:
        sock.sendall(raw)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@contextmanager
def raw_server(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request's head, says something and closes, for every connection."""
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
                say(sock)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_a_request_goes_on_exactly_as_it_came(upstream: tuple[Upstream, str], proxied: str) -> None:
    raw = (
        b"PUT //bucket/a%20b%2Bc%2541?x=%2F&y HTTP/1.1\r\nHost: signed.example:1\r\n"
        b"X-Amz-Meta-a: 1\r\nx-amz-meta-A: 2\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    )

    answer = talk(proxied, raw)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\ndone")
    (request,) = upstream[0].requests
    assert (request.method, request.body) == ("PUT", b"abc")
    assert request.target == "//bucket/a%20b%2Bc%2541?x=%2F&y"
    assert request.headers[:3] == (
        ("Host", "signed.example:1"),
        ("X-Amz-Meta-a", "1"),
        ("x-amz-meta-A", "2"),
    )


def test_a_client_is_told_to_continue_before_it_sends_its_body(
    upstream: tuple[Upstream, str], proxied: str
) -> None:
    with closing(connect(proxied)) as sock:
        sock.sendall(b"PUT /k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hi")
        assert sock.recv(100).startswith(b"HTTP/1.1 200")

    (request,) = upstream[0].requests
    assert request.body == b"hi"
    assert request.header("expect") == ""


def test_a_chunked_body_arrives_whole(upstream: tuple[Upstream, str], proxied: str) -> None:
    raw = (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"
    )

    assert talk(proxied, raw).startswith(b"HTTP/1.1 200")

    assert upstream[0].requests[0].body == b"abc0123456789"


def test_one_connection_carries_many_requests_with_large_bodies(
    upstream: tuple[Upstream, str], proxied: str
) -> None:
    body = bytes(20_000_000)
    upstream[0].answer = Answer(200, (), body)

    with closing(http.client.HTTPConnection(urlsplit(proxied).netloc)) as client:
        for _ in range(3):
            client.request("POST", "/", body)
            assert client.getresponse().read() == body

    assert [len(request.body) for request in upstream[0].requests] == [len(body)] * 3


@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, "123"), ("GET", 304, "123"), ("GET", 204, None)]
)
def test_an_answer_without_a_body_keeps_its_length(
    upstream: tuple[Upstream, str], proxied: str, method: str, status: int, length: str | None
) -> None:
    told = (("Content-Length", length),) if length else ()
    upstream[0].answer = Answer(status, told, b"")

    with closing(http.client.HTTPConnection(urlsplit(proxied).netloc)) as client:
        for _ in range(2):
            client.request(method, "/")
            answer = client.getresponse()
            assert (answer.read(), answer.getheader("Content-Length")) == (b"", length)


def test_repeated_headers_of_an_answer_stay_repeated(
    upstream: tuple[Upstream, str], proxied: str
) -> None:
    upstream[0].answer = Answer(200, (("Set-Cookie", "a"), ("Set-Cookie", "b")), b"")

    with closing(http.client.HTTPConnection(urlsplit(proxied).netloc)) as client:
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read()

    assert answer.headers.get_all("Set-Cookie") == ["a", "b"]


def test_an_upstream_that_does_not_answer_is_a_connection_reset() -> None:
    with (
        raw_server(lambda _sock: None) as url,
        Proxy(lambda visit: forward(url, visit.request)) as proxy,
        pytest.raises(ConnectionResetError),
    ):
        talk(proxy.url, b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart",
    ],
)
def test_an_answer_that_breaks_off_breaks_off(said: bytes) -> None:
    with (
        raw_server(lambda sock: sock.sendall(said)) as url,
        Proxy(lambda visit: forward(url, visit.request)) as proxy,
        closing(http.client.HTTPConnection(urlsplit(proxy.url).netloc)) as client,
    ):
        client.request("GET", "/")
        with pytest.raises(http.client.IncompleteRead):
            client.getresponse().read()


def test_its_owner_can_cut_a_connection() -> None:
    def serve(_visit: Visit) -> Answer:
        raise DropError("on purpose")

    with Proxy(serve) as proxy, pytest.raises(ConnectionResetError):
        talk(proxy.url, b"GET / HTTP/1.1\r\n\r\n")


def test_a_failure_of_its_owner_is_told_at_the_end() -> None:
    def serve(_visit: Visit) -> Answer:
        raise ValueError("a mistake")

    with (
        pytest.raises(LocalError, match="a mistake"),
        Proxy(serve) as proxy,
        pytest.raises(ConnectionResetError),
    ):
        talk(proxy.url, b"GET / HTTP/1.1\r\n\r\n")


def test_it_ends_what_is_still_open() -> None:
    with Proxy(lambda _visit: OK) as proxy:
        sock = connect(proxy.url)
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(1000).endswith(b"done")

    with closing(sock):
        assert sock.recv(1000) == b""
