"""The CDN adapter requests allowed hosts only, redirects included."""

import functools
import io

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.adapters.cdn import Cdn
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded
from tests.contract.scripted_http import ScriptedHttp, file
from tests.contract.test_downloads import URL, fetch
from tests.fakes.images import PNG
from tests.profiles import examples
from tests.unit.test_ssrf import AMBIGUOUS, OTHER_SCHEMES, short


@pytest.mark.parametrize(
    "url",
    ["http://cdn.test/0.png", "https://evil.test/0.png", "https://cdn.test.evil.test/0.png",
     "https://evilcdn.test/0.png", "https://cloudfront.net/0.png",
     "https://x.cloudfront.net@evil.test/",
     "https://evil.test/x.cloudfront.net", "https://evil.test#.cloudfront.net",
     "https://169.254.169.254/latest/", "http://127.0.0.1/", "https://[::1", "https://cdn.test:x/",
     "https://xn--/", "https://xn--\xfc.cloudfront.net/",
     "https://cdn.test/" + "x" * 70_000, "https://cdn.test/\x00"],
    ids=lambda url: url[:40],
)  # fmt: skip
def test_url_outside_the_allowed_hosts_is_not_requested(url: str) -> None:
    result, written, http = fetch(file(PNG), url)

    assert isinstance(result, NotDownloaded)
    assert (result.code, result.final) == (Code.ASSET_INVALID, True)
    assert http.requests == []
    assert written == b""


@pytest.mark.parametrize(
    "text",
    ["ftp://cdn.test/0.png", "file:///etc/x", "//cdn.test/0.png", "/output/0.png", "", "https://",
     "https://evil.test .cdn.test/", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"],
)  # fmt: skip
def test_text_is_no_url_and_no_image(text: str) -> None:
    result, written, http = fetch(file(PNG), text)

    assert isinstance(result, NotDownloaded)
    assert (result.code, result.final) == (Code.ASSET_INVALID, False)
    assert http.requests == []
    assert written == b""


@pytest.mark.parametrize("url", ["https://d2p7.cloudfront.net/a", "HTTPS://CDN.TEST/a"])
def test_host_matches_patterns_case_insensitively(url: str) -> None:
    assert isinstance(fetch(file(PNG), url)[0], Download)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain_http_is_allowed_for_a_listed_loopback_host_only(host: str) -> None:
    http = ScriptedHttp(file(PNG))

    allowed = Cdn([host], http.transport).fetch(f"http://{host}:9/a", io.BytesIO())
    listed = Cdn(["cdn.test", host], http.transport).fetch("http://cdn.test/a", io.BytesIO())

    assert isinstance(allowed, Download)
    assert isinstance(listed, NotDownloaded)


def redirect(request: httpx.Request, to: str, status: int = 302) -> httpx.Response:
    if request.url.path == "/moved":
        return file(PNG)
    return httpx.Response(status, headers={"Location": to})


@pytest.mark.parametrize(
    ("to", "status"),
    [
        *(("/moved", status) for status in (301, 302, 303, 307, 308)),
        ("https://x.cloudfront.net/moved", 302),
        ("//cdn.test/moved", 302),
    ],
)
def test_redirect_to_an_allowed_host_is_followed(to: str, status: int) -> None:
    result, written, _ = fetch(functools.partial(redirect, to=to, status=status))

    assert isinstance(result, Download)
    assert written == PNG


@pytest.mark.parametrize(
    "to",
    ["http://169.254.169.254/latest/meta-data/", "https://evil.test/moved", "http://cdn.test/moved",
     "http://127.0.0.1/moved", "file:///etc/passwd", "//evil.test/moved"],
)  # fmt: skip
def test_redirect_to_another_host_is_not_followed(to: str) -> None:
    result, _, http = fetch(functools.partial(redirect, to=to))

    assert isinstance(result, NotDownloaded)
    assert (result.code, result.final) == (Code.ASSET_INVALID, False)  # a bot check may end
    assert len(http.requests) == 1


@pytest.mark.parametrize("to", [URL, ""])
def test_redirect_loop_ends_after_at_most_five_requests(to: str) -> None:
    result, _, http = fetch(functools.partial(redirect, to=to))

    assert isinstance(result, NotDownloaded)
    assert not result.final
    assert 2 <= len(http.requests) <= 5


@pytest.mark.parametrize("url", [*AMBIGUOUS, *OTHER_SCHEMES], ids=short)
def test_ambiguous_url_requests_only_the_cdn_without_credentials(url: str) -> None:
    http = ScriptedHttp(file(PNG))

    Cdn(["cdn.ok"], http.transport).fetch(url, io.BytesIO())

    assert {(request.url.scheme, request.headers["host"]) for request in http.requests} <= {
        ("https", "cdn.ok")
    }
    assert not any("authorization" in request.headers for request in http.requests)


@pytest.mark.parametrize(
    "url",
    ["https://cdn.ok:8443/", "https://cdn.ok:80/", "https://cdn.ok:22/", "https://cdn.ok:0/",
     "https://cdn.ok./", "https://a:b@cdn.ok/", "https://a@cdn.ok/", "http://cdn.ok:443/",
     "https://evil.test\\.cdn.ok/", "https://evil.test%2f.cdn.ok/",
     "https://evil.test%00.cdn.ok/", "https://evil.test;.cdn.ok/", "https://[::1].cdn.ok/"],
)  # fmt: skip
def test_url_with_port_credentials_or_odd_host_name_is_refused(
    url: str,
) -> None:
    http = ScriptedHttp(file(PNG))

    result = Cdn(["cdn.ok", "*.cdn.ok"], http.transport).fetch(url, io.BytesIO())

    assert isinstance(result, NotDownloaded)
    assert result.final
    assert http.requests == []


@settings(max_examples=examples(8))
@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://cdn.ok", "//", "http://["]))
def test_arbitrary_urls_and_redirects_never_raise(text: str, start: str) -> None:
    for response, url in (
        (file(PNG), start + text),
        (httpx.Response(302, headers={b"Location": (start + text).encode()}), URL),
    ):
        http = ScriptedHttp(response)

        Cdn(["cdn.ok", "cdn.test"], http.transport).fetch(url, io.BytesIO())

        assert {request.url.host for request in http.requests} <= {"cdn.ok", "cdn.test"}


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (["*"], "http://127.0.0.1:9/"),
        (["127.*", "local*"], "http://localhost:9/"),
        (["127.0.0.1"], "http://localhost:9/"),
        (["localhost"], "http://127.0.0.1:9/"),
        (["127.0.0.1"], "https://127.0.0.1/"),
        (["127.0.0.1"], "http://127.0.0.1@127.0.0.1:9/"),
        (["127.0.0.1", "127.0.0.2"], "http://127.0.0.2:9/"),
        (["127.0.0.1", "::1"], "http://[::1]:9/"),
        (["127.0.0.1", "*"], "http://127.1:9/"),
        (["127.0.0.1", "*"], "http://2130706433:9/"),
        (["localhost", "*"], "http://localhost.:9/"),
        (["localhost", "*"], "http://a.localhost:9/"),
    ],
)
def test_loopback_needs_its_exact_listed_name(hosts: list[str], url: str) -> None:
    http = ScriptedHttp(file(PNG))

    result = Cdn(hosts, http.transport).fetch(url, io.BytesIO())

    assert isinstance(result, NotDownloaded)
    assert result.final
    assert http.requests == []
