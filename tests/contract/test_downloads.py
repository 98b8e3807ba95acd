"""The port Downloads: in memory and the CDN adapter, one suite; then the CDN's odd files."""

import hashlib
import io
from collections.abc import Callable, Iterator

import httpx
import pytest

from darkroom.adapters import cdn
from darkroom.adapters.cdn import Cdn
from darkroom.domain import media
from darkroom.domain.errors import Code
from darkroom.ports import Download, Downloads, NotDownloaded
from tests.contract.scripted_http import Answer, ScriptedHttp, file
from tests.fakes.pictures import JPEG, PNG, WEBP
from tests.fakes.provider import InMemoryDownloads

HOSTS = ("cdn.test", "*.cloudfront.net")
URL = "https://cdn.test/output/0.png"
HTML = b"<!DOCTYPE html><html><body>Service unavailable</body></html>"

type Reply = Answer | Callable[[httpx.Request], httpx.Response]


def fetch(reply: Reply, url: str = URL) -> tuple[Download | NotDownloaded, bytes, ScriptedHttp]:
    http, into = ScriptedHttp(reply), io.BytesIO()
    return Cdn(HOSTS, http.transport).fetch(url, into), into.getvalue(), http


def not_downloaded(reply: Reply, url: str = URL) -> NotDownloaded:
    found, _, _ = fetch(reply, url)
    assert isinstance(found, NotDownloaded), found
    return found


@pytest.fixture(params=["memory", "cdn"])
def serving(request: pytest.FixtureRequest) -> Callable[[bytes | None], Downloads]:
    """A way to get downloads that serve one file at URL, or none."""

    def make(content: bytes | None) -> Downloads:
        if request.param == "memory":
            return InMemoryDownloads({} if content is None else {URL: content})
        answer = httpx.Response(404) if content is None else file(content)
        return Cdn(HOSTS, ScriptedHttp(answer).transport)

    return make


@pytest.mark.parametrize(
    ("content", "known", "dimensions"),
    [
        (PNG, media.PNG, (1, 1)),
        (JPEG, media.JPEG, (3, 2)),
        (WEBP, media.WEBP, (1, 1)),
        (b"glTF\x02\x00\x00\x00" + bytes(99), media.sniff(b"glTF"), None),
    ],
)
def test_a_whole_file_arrives(
    serving: Callable[[bytes | None], Downloads],
    content: bytes,
    known: media.Format,
    dimensions: tuple[int, int] | None,
) -> None:
    into = io.BytesIO()

    found = serving(content).fetch(URL, into)

    assert found == Download(known, len(content), hashlib.sha256(content).hexdigest(), dimensions)
    assert into.getvalue() == content


@pytest.mark.parametrize(
    ("content", "code"), [(None, Code.ASSET_UNAVAILABLE), (HTML, Code.ASSET_INVALID)]
)
def test_no_file_and_no_picture_are_told_apart(
    serving: Callable[[bytes | None], Downloads], content: bytes | None, code: Code
) -> None:
    found = serving(content).fetch(URL, io.BytesIO())

    assert isinstance(found, NotDownloaded)
    assert found.code is code
    assert not found.final


@pytest.mark.parametrize("claimed", ["text/html", "application/octet-stream", "image/webp", None])
def test_the_bytes_and_not_the_header_say_what_it_is(claimed: str | None) -> None:
    headers = {"Content-Type": claimed} if claimed else {}

    found, _, _ = fetch(file(PNG, headers=headers))

    assert isinstance(found, Download)
    assert found.format == media.PNG


def test_neither_key_nor_compression_is_asked_with() -> None:
    _, _, http = fetch(file(PNG))

    [request] = http.requests
    assert "authorization" not in request.headers
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(403, content=b"<?xml version='1.0'?><Error/>"),
        httpx.Response(404),
        httpx.Response(429),
        httpx.Response(500),
        httpx.Response(503),
        file(PNG, status=206),
        file(b""),
        file(PNG[:20]),
        file(PNG[:-1]),
        file(JPEG[:-2].ljust(40, b"\x01")),
        file(WEBP[:-1]),
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
        httpx.DecodingError("x"),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    ],
    ids=repr,
)
def test_what_may_be_there_later_is_tried_again(reply: Answer) -> None:
    found = not_downloaded(reply)

    assert found.code is Code.ASSET_UNAVAILABLE
    assert not found.final


def test_a_body_short_of_its_announced_length_is_tried_again() -> None:
    reply = httpx.Response(200, headers={"Content-Length": str(len(PNG) + 9)}, content=iter([PNG]))

    assert not_downloaded(reply).reason == "the output came short of its announced length"


def test_a_picture_without_dimensions_is_invalid() -> None:
    blind = PNG[:12] + b"IHDX" + PNG[16:]

    assert not_downloaded(file(blind)).code is Code.ASSET_INVALID


class Endless(httpx.SyncByteStream):
    """A picture that hardly ends; counts what was taken of it."""

    def __init__(self, start: bytes) -> None:
        self._start, self.taken = start, 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._start.ljust(65_536, b"\x00")
        while self.taken < 60_000_000:  # more than is ever taken
            self.taken += 65_536
            yield bytes(65_536)


@pytest.mark.parametrize("declared", [True, False])
def test_a_huge_file_is_cut_off_at_the_limit(declared: bool) -> None:
    stream = Endless(PNG)
    headers = {"Content-Length": "200000000"} if declared else {}

    found = not_downloaded(httpx.Response(200, headers=headers, stream=stream))

    assert (found.code, found.final) == (Code.ASSET_INVALID, True)
    assert found.reason == "the output is larger than 50 MB"
    assert stream.taken < 51_000_000


def test_what_is_no_media_file_is_cut_off_at_once() -> None:
    stream = Endless(HTML)

    assert not_downloaded(httpx.Response(200, stream=stream)).code is Code.ASSET_INVALID
    assert stream.taken == 0


def test_a_download_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdn, "_TOTAL_SECONDS", -1)

    found = not_downloaded(httpx.Response(200, stream=Endless(PNG)))

    assert found.reason == "the download took too long"
    assert not found.final


@pytest.mark.parametrize("size", [1, 7, 31, 33, 1000])
def test_the_size_of_the_chunks_is_no_matter(size: int) -> None:
    chunks = [JPEG[at : at + size] for at in range(0, len(JPEG), size)]

    found, written, _ = fetch(file(*chunks))

    assert isinstance(found, Download)
    assert found.dimensions == (3, 2)
    assert written == JPEG
