"""Where the CDN adapter goes: hosts on the list, and redirects between them, only."""

import functools
import io
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.adapters.cdn import Cdn
from darkroom.domain.errors import Code
from darkroom.ports import Download, NotDownloaded
from tests.contract.scripted_http import ScriptedHttp, file
from tests.fakes.pictures import PNG
from tests.unit.test_ssrf import AMBIGUOUS, OTHER_SCHEMES, short

HOSTS = ("cdn.test", "*.cloudfront.net")
URL = "https://cdn.test/output/0.png"


def fetch(
    reply: httpx.Response | Callable[[httpx.Request], httpx.Response], url: str = URL
) -> tuple[Download | NotDownloaded, bytes, ScriptedHttp]:
    http, into = ScriptedHttp(reply), io.BytesIO()
    return Cdn(HOSTS, http.transport).fetch(url, into), into.getvalue(), http


@pytest.mark.parametrize(
    "url",
    ["http://cdn.test/0.png", "https://evil.test/0.png", "https://cdn.test.evil.test/0.png",
     "https://evilcdn.test/0.png", "https://cloudfront.net/0.png",
     "https://x.cloudfront.net@evil.test/",
     "https://evil.test/x.cloudfront.net", "https://evil.test#.cloudfront.net",
     "https://169.254.169.254/latest/", "http://127.0.0.1/", "ftp://cdn.test/0.png", "file:///etc/x",
     "//cdn.test/0.png", "/output/0.png", "", "https://", "https://[::1", "https://cdn.test:x/",
     "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB", "https://xn--/", "https://xn--\xfc.cloudfront.net/",
     "https://cdn.test/" + "x" * 70_000, "https://cdn.test/\x00"],
    ids=lambda url: url[:40],
)  # fmt: skip
def test_a_url_that_is_not_the_cdns_is_never_asked_for(url: str) -> None:
    found, written, http = fetch(file(PNG), url)

    assert isinstance(found, NotDownloaded)
    assert (found.code, found.final) == (Code.ASSET_INVALID, True)
    assert http.requests == []
    assert written == b""


@pytest.mark.parametrize("url", ["https://d2p7.cloudfront.net/a", "HTTPS://CDN.TEST/a"])
def test_a_host_is_allowed_by_pattern_and_in_any_case(url: str) -> None:
    assert isinstance(fetch(file(PNG), url)[0], Download)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain_http_is_for_a_listed_simulator_on_this_machine_only(host: str) -> None:
    http = ScriptedHttp(file(PNG))

    allowed = Cdn([host], http.transport).fetch(f"http://{host}:9/a", io.BytesIO())
    listed = Cdn(["cdn.test", host], http.transport).fetch("http://cdn.test/a", io.BytesIO())

    assert isinstance(allowed, Download)
    assert isinstance(listed, NotDownloaded)


def redirect(request: httpx.Request, to: str, status: int = 302) -> httpx.Response:
    if request.url.path == "/moved":
        return file(PNG)
    return httpx.Response(status, headers={"Location": to})


@pytest.mark.parametrize("to", ["/moved", "https://x.cloudfront.net/moved", "//cdn.test/moved"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_list_is_followed(to: str, status: int) -> None:
    found, written, _ = fetch(functools.partial(redirect, to=to, status=status))

    assert isinstance(found, Download)
    assert written == PNG


@pytest.mark.parametrize(
    "to",
    ["http://169.254.169.254/latest/meta-data/", "https://evil.test/moved", "http://cdn.test/moved",
     "http://127.0.0.1/moved", "file:///etc/passwd", "//evil.test/moved"],
)  # fmt: skip
def test_a_redirect_off_the_list_is_not(to: str) -> None:
    found, _, http = fetch(functools.partial(redirect, to=to))

    assert isinstance(found, NotDownloaded)
    assert (found.code, found.final) == (Code.ASSET_INVALID, True)
    assert len(http.requests) == 1


def test_a_redirect_to_nowhere_is_no_crash() -> None:
    found, _, _ = fetch(functools.partial(redirect, to="https://[::1"))

    assert isinstance(found, NotDownloaded)


@pytest.mark.parametrize("to", [URL, ""])
def test_redirects_end(to: str) -> None:
    found, _, http = fetch(functools.partial(redirect, to=to))

    assert isinstance(found, NotDownloaded)
    assert found.final
    assert 2 <= len(http.requests) <= 5


@pytest.mark.parametrize("url", [*AMBIGUOUS, *OTHER_SCHEMES], ids=short)
def test_of_an_ambiguous_url_nothing_but_the_cdn_itself_is_asked(url: str) -> None:
    http = ScriptedHttp(file(PNG))

    Cdn(["cdn.ok"], http.transport).fetch(url, io.BytesIO())

    assert {(asked.url.scheme, asked.headers["host"]) for asked in http.requests} <= {
        ("https", "cdn.ok")
    }
    assert not any("authorization" in asked.headers for asked in http.requests)


@pytest.mark.parametrize(
    "url",
    ["https://cdn.ok:8443/", "https://cdn.ok:80/", "https://cdn.ok:22/", "https://cdn.ok:0/",
     "https://cdn.ok./", "https://a:b@cdn.ok/", "https://a@cdn.ok/", "http://cdn.ok:443/",
     "https://evil.test\\.cdn.ok/", "https://evil.test%2f.cdn.ok/", "https://evil.test .cdn.ok/",
     "https://evil.test%00.cdn.ok/", "https://evil.test;.cdn.ok/", "https://[::1].cdn.ok/"],
)  # fmt: skip
def test_the_cdn_is_asked_by_its_plain_name_on_the_port_of_https_without_credentials(
    url: str,
) -> None:
    http = ScriptedHttp(file(PNG))

    found = Cdn(["cdn.ok", "*.cdn.ok"], http.transport).fetch(url, io.BytesIO())

    assert isinstance(found, NotDownloaded)
    assert found.final
    assert http.requests == []


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://cdn.ok", "//", "http://["]))
def test_no_text_as_url_or_as_redirect_is_a_crash(text: str, start: str) -> None:
    for reply, url in (
        (file(PNG), start + text),
        (httpx.Response(302, headers={b"Location": (start + text).encode()}), URL),
    ):
        http = ScriptedHttp(reply)

        Cdn(["cdn.ok", "cdn.test"], http.transport).fetch(url, io.BytesIO())

        assert {asked.url.host for asked in http.requests} <= {"cdn.ok", "cdn.test"}


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
def test_the_loopback_is_not_reached_by_another_name_or_by_a_pattern(
    hosts: list[str], url: str
) -> None:
    http = ScriptedHttp(file(PNG))

    found = Cdn(hosts, http.transport).fetch(url, io.BytesIO())

    assert isinstance(found, NotDownloaded)
    assert found.final
    assert http.requests == []
