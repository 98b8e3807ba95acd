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


FILES = f"/studio/{studio.files_revision()}"


def test_page_links_its_files_below_the_stage() -> None:
    response = Client().get("/")

    assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    linked = re.findall(r'(?:src|href)="([^#"]+)"', response.text)
    assert linked
    assert {path.rpartition("/")[0] for path in linked} == {STAGE + FILES}
    assert {path.rpartition("/")[2] for path in linked} <= set(NAMES)


def test_unchanged_page_is_not_sent_again() -> None:
    client = Client()
    first = client.get("/")

    second = client.get("/", {"If-None-Match": first.headers["ETag"]})

    assert (second.status, second.text) == (304, "")
    assert first.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", [name for name in NAMES if name != studio.PAGE])
def test_file_has_a_media_type_and_is_kept_by_browsers(name: str) -> None:
    response = Client().get(f"{FILES}/{name}")

    assert response.status == 200
    assert response.headers["Content-Type"].split(";")[0] in {
        "text/css", "text/javascript", "image/svg+xml",
    }  # fmt: skip
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"].endswith("immutable")


@pytest.mark.parametrize("name", ["base.css", "app.js"])
def test_changed_file_has_another_path(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A browser that keeps the files never mixes those of two deployments."""
    before = studio.files_revision()
    changed = studio.files() | {name: "changed"}
    monkeypatch.setattr(studio, "files", lambda: changed)

    assert studio.files_revision.__wrapped__() != before


@pytest.mark.parametrize(
    "path",
    [
        f"{FILES}/{name}"
        for name in ("none.js", "index.html", "..%2Fstudio.py", "%2e%2e", ".", "app.js.", "APP.JS")
    ]
    + ["/studio/app.js", "/studio/0123456789abcdef/app.js"],
)
def test_other_paths_return_404(path: str) -> None:
    assert Client().get(path).status == 404


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
