"""The studio over HTTP: the page and its files, without authentication."""

import hashlib
import re

import pytest

from darkroom.api import studio
from tests.unit.http import STAGE, Client

VENDOR = studio.FOLDER / "vendor"
SOURCE_FILES = [path for path in studio.FOLDER.iterdir() if path != VENDOR]
NAMES = sorted(path.name for path in studio.FOLDER.rglob("*") if path.suffix in studio.MEDIA_TYPES)
SOURCES = [path.read_text() for path in SOURCE_FILES]


def test_page_links_its_files_below_the_stage() -> None:
    response = Client().get("/")

    assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    linked = re.findall(r'(?:src|href)="([^#"]+)"', response.text)
    assert linked
    assert {path.rpartition("/")[0] for path in linked} == {f"{STAGE}/studio"}
    assert {path.rpartition("/")[2] for path in linked} <= set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name != studio.PAGE])
def test_file_has_a_media_type_and_an_etag(name: str) -> None:
    client = Client()
    first = client.get(f"/studio/{name}")

    second = client.get(f"/studio/{name}", {"If-None-Match": first.headers["ETag"]})

    assert (first.status, second.status, second.text) == (200, 304, "")
    assert first.headers["Content-Type"].split(";")[0] in {
        "text/css", "text/javascript", "image/svg+xml",
    }  # fmt: skip
    assert first.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["none.js", "index.html", "..%2Fstudio.py", "%2e%2e", ".", "app.js.", "APP.JS"]
)
def test_other_paths_return_404(name: str) -> None:
    assert Client().get(f"/studio/{name}").status == 404


def test_content_security_policy_allows_only_the_origin_and_the_bucket() -> None:
    policy = Client().get("/").headers["Content-Security-Policy"]

    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert "unsafe" not in policy
    assert re.fullmatch(r"'self' https://\S+", rules["connect-src"])
    assert re.fullmatch(r"https://\S+", rules["media-src"])


@pytest.mark.parametrize("source", SOURCES)
def test_sources_contain_no_foreign_host_and_no_markup_injection(source: str) -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", source)) - {"example.com", "www.w3.org"}

    assert hosts == set()
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|style=", source)


def test_vendored_files_match_their_checksums() -> None:
    sums = dict(line.split()[::-1] for line in (VENDOR / "SHA256SUMS").read_text().splitlines())

    assert {path.name for path in VENDOR.iterdir()} == {*sums, "SHA256SUMS"}
    for name, checksum in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == checksum
    assert "MIT License" in (VENDOR / "LICENSE").read_text()
