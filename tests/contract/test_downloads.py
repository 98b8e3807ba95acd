"""Contract of the port Downloads, in memory and over HTTP, and limits of the CDN adapter."""

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
from tests.contract.scripted_http import ScriptedHttp, ScriptedResponse, file
from tests.fakes.images import JPEG, PNG, WEBP
from tests.fakes.provider import InMemoryDownloads

HOSTS = ("cdn.test", "*.cloudfront.net")
URL = "https://cdn.test/output/0.png"
HTML = b"<!DOCTYPE html><html><body>Service unavailable</body></html>"

type ResponseSource = ScriptedResponse | Callable[[httpx.Request], httpx.Response]


def fetch(
    response: ResponseSource, url: str = URL
) -> tuple[Download | NotDownloaded, bytes, ScriptedHttp]:
    http, buffer = ScriptedHttp(response), io.BytesIO()
    return Cdn(HOSTS, http.transport).fetch(url, buffer), buffer.getvalue(), http


def not_downloaded(response: ResponseSource, url: str = URL) -> NotDownloaded:
    result, _, _ = fetch(response, url)
    assert isinstance(result, NotDownloaded), result
    return result


@pytest.fixture(params=["memory", "cdn"])
def serve(request: pytest.FixtureRequest) -> Callable[[bytes | None], Downloads]:
    """Return a factory of downloads that serve the given content, or 404, at URL."""

    def make(content: bytes | None) -> Downloads:
        if request.param == "memory":
            return InMemoryDownloads({} if content is None else {URL: content})
        response = httpx.Response(404) if content is None else file(content)
        return Cdn(HOSTS, ScriptedHttp(response).transport)

    return make


@pytest.mark.parametrize(
    ("content", "file_format", "dimensions"),
    [
        (PNG, media.PNG, (1, 1)),
        (JPEG, media.JPEG, (3, 2)),
        (WEBP, media.WEBP, (1, 1)),
        (b"glTF\x02\x00\x00\x00" + bytes(99), media.sniff(b"glTF"), None),
    ],
)
def test_complete_file_is_downloaded(
    serve: Callable[[bytes | None], Downloads],
    content: bytes,
    file_format: media.Format,
    dimensions: tuple[int, int] | None,
) -> None:
    buffer = io.BytesIO()

    result = serve(content).fetch(URL, buffer, only_images=dimensions is not None)

    assert result == Download(
        file_format, len(content), hashlib.sha256(content).hexdigest(), dimensions
    )
    assert buffer.getvalue() == content


@pytest.mark.parametrize(
    ("content", "code"), [(None, Code.ASSET_UNAVAILABLE), (HTML, Code.ASSET_INVALID)]
)
def test_missing_file_and_invalid_file_have_different_codes(
    serve: Callable[[bytes | None], Downloads], content: bytes | None, code: Code
) -> None:
    result = serve(content).fetch(URL, io.BytesIO())

    assert isinstance(result, NotDownloaded)
    assert result.code is code
    assert not result.final


def test_request_has_no_key_and_refuses_compression() -> None:
    _, _, http = fetch(file(PNG))

    [request] = http.requests
    assert "authorization" not in request.headers
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "response",
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
def test_temporary_failure_is_not_final(response: ScriptedResponse) -> None:
    result = not_downloaded(response)

    assert result.code is Code.ASSET_UNAVAILABLE
    assert not result.final


def test_body_shorter_than_content_length_is_reported() -> None:
    response = httpx.Response(
        200, headers={"Content-Length": str(len(PNG) + 9)}, content=iter([PNG])
    )

    assert not_downloaded(response).reason == "the output came short of its announced length"


class LargeStream(httpx.SyncByteStream):
    """A stream of 60 MB that counts the bytes read after its first chunk."""

    def __init__(self, start: bytes) -> None:
        self._start, self.bytes_read = start, 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._start.ljust(65_536, b"\x00")
        while self.bytes_read < 60_000_000:  # more than the adapter may read
            self.bytes_read += 65_536
            yield bytes(65_536)


@pytest.mark.parametrize("declared", [True, False])
def test_download_stops_at_50_mb(declared: bool) -> None:
    stream = LargeStream(PNG)
    headers = {"Content-Length": "200000000"} if declared else {}

    result = not_downloaded(httpx.Response(200, headers=headers, stream=stream))

    assert (result.code, result.final) == (Code.ASSET_INVALID, True)
    assert result.reason == "the output is larger than 50 MB"
    assert stream.bytes_read < 51_000_000


def test_unknown_format_stops_after_the_first_chunk() -> None:
    stream = LargeStream(HTML)

    assert not_downloaded(httpx.Response(200, stream=stream)).code is Code.ASSET_INVALID
    assert stream.bytes_read == 0


def test_slow_download_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdn, "_TOTAL_SECONDS", -1)

    result = not_downloaded(httpx.Response(200, stream=LargeStream(PNG)))

    assert result.reason == "the download took too long"
    assert not result.final
