"""The studio over HTTP: a page and its files for whoever asks, and nothing else."""

import hashlib
import re

import pytest

from darkroom.web import studio
from tests.unit.http import STAGE, Client

VENDOR = studio.FOLDER / "vendor"
OURS = [path for path in studio.FOLDER.iterdir() if path != VENDOR]
NAMES = sorted(path.name for path in studio.FOLDER.rglob("*") if path.suffix in studio.MEDIA_TYPES)
SOURCES = [path.read_text() for path in OURS]


def test_the_page_leads_to_its_files_below_the_stage() -> None:
    answer = Client().get("/")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    linked = re.findall(r'(?:src|href)="([^#"]+)"', answer.text)
    assert linked
    assert {each.rpartition("/")[0] for each in linked} == {f"{STAGE}/studio"}
    assert {each.rpartition("/")[2] for each in linked} <= set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name != studio.PAGE])
def test_each_file_comes_with_its_type_and_is_not_sent_twice(name: str) -> None:
    client = Client()
    first = client.get(f"/studio/{name}")

    again = client.get(f"/studio/{name}", {"If-None-Match": first.headers["ETag"]})

    assert (first.status, again.status, again.text) == (200, 304, "")
    assert first.headers["Content-Type"].split(";")[0] in {
        "text/css", "text/javascript", "image/svg+xml",
    }  # fmt: skip
    assert first.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["none.js", "index.html", "..%2Fstudio.py", "%2e%2e", ".", "app.js.", "APP.JS"]
)
def test_nothing_else_is_served(name: str) -> None:
    assert Client().get(f"/studio/{name}").status == 404


def test_the_page_may_reach_its_own_origin_and_the_bucket_alone() -> None:
    policy = Client().get("/").headers["Content-Security-Policy"]

    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert "unsafe" not in policy
    assert re.fullmatch(r"'self' https://\S+", rules["connect-src"])


@pytest.mark.parametrize("source", SOURCES)
def test_no_file_names_another_host_or_writes_markup(source: str) -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", source)) - {"example.com", "www.w3.org"}

    assert hosts == set()
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|style=", source)


def test_what_is_not_ours_is_as_it_was_published() -> None:
    sums = dict(line.split()[::-1] for line in (VENDOR / "SHA256SUMS").read_text().splitlines())

    assert {path.name for path in VENDOR.iterdir()} == {*sums, "SHA256SUMS"}
    for name, told in sums.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == told
    assert "MIT License" in (VENDOR / "LICENSE").read_text()


def test_the_key_is_kept_for_the_tab_alone() -> None:
    api = (studio.FOLDER / "api.js").read_text()

    assert "sessionStorage" in api
    assert "localStorage" not in api
