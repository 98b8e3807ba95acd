"""An edge in front of WaveSpeedAI answers in its place: pages, redirects and foreign JSON.

WaveSpeedAI's own answers are JSON with `code`, `message` and `data`. Bot checks, gateways and
maintenance pages answer with anything else.
"""

import base64
import gzip
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from darkroom.adapters.cdn import Cdn
from darkroom.adapters.wavespeed.billing import WaveSpeedBilling
from darkroom.domain.errors import Code
from darkroom.ports import (
    Download,
    Intercepted,
    NotDownloaded,
    Succeeded,
    Unreadable,
)
from tests.contract.scripted_http import (
    BASE,
    ID,
    Keys,
    ScriptedHttp,
    envelope,
    file,
    html,
    provider,
)
from tests.contract.simulator_calls import MODEL
from tests.fakes.images import PNG

NOON, HOUR = datetime(2026, 11, 22, 12, tzinfo=UTC), timedelta(hours=1)
CLOUDFLARE = {
    "type": "https://developers.cloudflare.com/1020", "title": "Error 1020: Access denied",
    "status": 403, "detail": "blocked", "error_code": 1020, "cloudflare_error": True,
}  # fmt: skip
REDIRECTS = (301, 302, 307, 308)


def submit(response: httpx.Response) -> object:
    return provider(ScriptedHttp(response)).submit(MODEL, {"prompt": "x"})


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 407, 410, 413, 421, 425, 451])
@pytest.mark.parametrize(
    "page",
    [
        lambda status: html(status),
        lambda status: httpx.Response(status),
        lambda status: httpx.Response(status, text="error code: 1020"),
        lambda status: httpx.Response(status, text="<?xml version='1.0'?><Error/>"),
        lambda status: httpx.Response(status, json=[]),
        lambda status: httpx.Response(status, json="blocked"),
        lambda status: httpx.Response(status, content=b"\x1f\x8b\x08"),
    ],
    ids=["html", "empty", "text", "xml", "list", "string", "bytes"],
)
def test_refusal_of_an_edge_on_submit_proves_that_nothing_was_accepted(
    status: int, page: Callable[[int], httpx.Response]
) -> None:
    assert submit(page(status)) == Intercepted()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"message": "Forbidden"}),  # API Gateway, AWS WAF
        (403, CLOUDFLARE),
        (404, {"detail": "Not Found"}),
        (401, {"error": "access_denied"}),
        (410, {"errors": [{"code": 10000}]}),
    ],
)
def test_foreign_json_on_submit_is_an_edges_answer(status: int, body: dict[str, Any]) -> None:
    assert submit(httpx.Response(status, json=body)) == Intercepted()


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("location", ["https://elsewhere.test/login", "/challenge", ""])
def test_redirected_submit_was_not_accepted_and_is_not_followed(status: int, location: str) -> None:
    http = ScriptedHttp(httpx.Response(status, headers={"location": location}))

    assert provider(http).submit(MODEL, {"prompt": "x"}) == Intercepted()

    assert len(http.requests) == 1


@pytest.mark.parametrize("status", [200, 401, 403, 404, 410, 429, 500, 502, 503, *REDIRECTS])
def test_page_is_an_unreadable_answer_to_every_read(status: int) -> None:
    page = httpx.Response(
        status, html="<html>Just a moment…</html>", headers={"location": "https://evil.test/"}
    )
    http = ScriptedHttp(page)

    assert provider(http).check(ID) == Unreadable(Code.PROVIDER_UNAVAILABLE, f"HTTP {status}")
    assert provider(http).list_predictions(MODEL, NOON, NOON + HOUR) is None
    assert provider(http).webhook_secret() is None
    assert {request.url.host for request in http.requests} == {"api.wavespeed.test"}


@pytest.mark.parametrize("code", [500, 503, 403])
def test_empty_list_with_an_error_code_does_not_prove_absence(code: int) -> None:
    http = ScriptedHttp(envelope({"items": []}, code=code, message="try again"))

    assert provider(http).list_predictions(MODEL, NOON, NOON + HOUR) is None


@pytest.mark.parametrize("status", [403, 404, 410, 302])
def test_page_in_the_bills_is_retried(status: int) -> None:
    bills = envelope({"items": [], "has_more": False})
    http = ScriptedHttp(html(status), bills)

    billing = WaveSpeedBilling(BASE, Keys(), http.transport, lambda _: None)

    assert billing.charges(NOON, NOON + HOUR) == []


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (None, ("",)),
        ([], ()),
        ("", ("",)),
        ([""], ("",)),
        ([None, "https://a.test/1"], ("", "https://a.test/1")),
        ([{}], ("",)),
        ([{"url": None}], ("",)),
        ([" https://a.test/1\n"], ("https://a.test/1",)),
        (["A lighthouse in fog."], ("A lighthouse in fog.",)),
        ([{"label": "cat", "score": 0.5}], ('{"label": "cat", "score": 0.5}',)),
        ([["https://a.test/1"]], ('["https://a.test/1"]',)),
        ([0], ("0",)),
        ([False], ("false",)),
        ({"text": "Ö"}, ('{"text": "Ö"}',)),
    ],
)
def test_outputs_are_read_in_any_form_and_missing_ones_are_late(
    outputs: object, expected: tuple[str, ...]
) -> None:
    response = envelope({"id": ID, "status": "completed", "outputs": outputs})

    assert provider(ScriptedHttp(response)).check(ID) == Succeeded(expected)


def test_absent_outputs_are_late() -> None:
    response = envelope({"id": ID, "status": "completed"})

    assert provider(ScriptedHttp(response)).check(ID) == Succeeded(("",))


# ------------------------------------------------------------------------------------------ the CDN

PAGES: list[tuple[str, bytes]] = [
    ("html", b"<!DOCTYPE html><html><body>Try again later</body></html>"),
    ("xhtml", b'<?xml version="1.0"?>\n<!-- edge --> <html xmlns="x"><body/></html>'),
    ("html with a mark", b"\xef\xbb\xbf\n  <HTML><head></head></HTML>"),
    ("s3", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
    ("json", b'{"message": "Internal server error"}'),
    ("envelope", b'{"code": 500, "message": "internal error"}'),
    ("no data", b'{"code": 500, "message": "internal error", "data": null}'),
    ("fields", b'{"error": {"type": "overloaded"}, "request_id": "x"}'),
]


def fetch(
    output: str, content: bytes = b"", *, only_images: bool = False, **headers: str
) -> tuple[Download | NotDownloaded, bytes]:
    response = file(content, headers={name.replace("_", "-"): headers[name] for name in headers})
    buffer = io.BytesIO()
    adapter = Cdn(["cdn.test"], ScriptedHttp(response).transport)
    return adapter.fetch(output, buffer, only_images=only_images), buffer.getvalue()


@pytest.mark.parametrize("page", [page for _, page in PAGES], ids=[name for name, _ in PAGES])
@pytest.mark.parametrize("only_images", [True, False])
@pytest.mark.parametrize("name", ["0.png", "0.mp4", "0", "0.txt"])
def test_page_with_status_200_is_retried_for_every_model(
    page: bytes, only_images: bool, name: str
) -> None:
    result, _ = fetch(f"https://cdn.test/{name}", page, only_images=only_images)

    assert isinstance(result, NotDownloaded)
    assert not result.final


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("0.png", b"upstream connect error or disconnect/reset before headers"),
        ("0.mp4", b'{"progress": 40}'),
        ("0.png", b"\x00\x01\x02 damaged" + bytes(40)),
        ("0.svg", b"Service Unavailable"),
        ("0.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0'),
        ("0.json", b'{"segments": [{"text": "cut'),
        ("0.json", b""),
    ],
)
def test_file_that_contradicts_its_name_or_is_cut_off_is_retried(name: str, content: bytes) -> None:
    result, _ = fetch(f"https://cdn.test/{name}", content)

    assert isinstance(result, NotDownloaded)
    assert not result.final


SVG = b'<?xml version="1.0"?><!-- made -->\n<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>\n'
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


@pytest.mark.parametrize(
    ("name", "content", "extension", "content_type"),
    [
        ("logo.svg?sig=1", SVG, "svg", "image/svg+xml"),
        ("logo.png", SVG, "svg", "image/svg+xml"),
        ("words.json", b'{"text": "a lighthouse"}', "json", JSON),
        ("words", b'[1, 2, 3]', "json", JSON),
        ("a.geojson", b'{"features": []}', "geojson", JSON),
        ("result.json", b'{"text": "x", "error": null}', "json", JSON),
        ("caption.txt", "Ein Café".encode(), "txt", TEXT),
        ("caption", b"# A heading\n\nand words", "txt", TEXT),
        ("notes.md", b"# A heading", "md", TEXT),
        ("film.srt", b"1\n00:00:01,000 --> 00:00:02,000\nHello", "srt", TEXT),
        ("page.html", b"<!doctype html><html></html>", "html", TEXT),
        ("mesh.obj", b"# Blender\nv 0 0 0\n", "obj", "model/obj"),
        ("mesh.stl", b"solid cube\n", "stl", "model/stl"),
        ("splat.spz", b"\x1f\x8b\x08" + bytes(20), "spz", "application/octet-stream"),
        ("unnamed", b"\x00\x01\x02", "bin", "application/octet-stream"),
        ("a.jpeg", PNG, "png", "image/png"),
        ("a." + "x" * 40, b"\x00", "bin", "application/octet-stream"),
    ],
)  # fmt: skip
def test_any_file_of_another_model_has_the_type_of_its_bytes(
    name: str, content: bytes, extension: str, content_type: str
) -> None:
    result, written = fetch(f"https://cdn.test/{name}", content)

    assert isinstance(result, Download)
    assert (result.format.extension, result.format.content_type) == (extension, content_type)
    assert written == content


@pytest.mark.parametrize(
    ("name", "content_type", "content"),
    [
        ("words.json", JSON, b'["' + b"x" * 3_000_000 + b'"]\n'),
        ("words.txt", TEXT, ("x" + "ü" * 2_000_000).encode()),  # the header ends within a letter
    ],
)
def test_large_text_keeps_its_type(name: str, content_type: str, content: bytes) -> None:
    result, written = fetch(f"https://cdn.test/{name}", content)

    assert isinstance(result, Download)
    assert result.format.content_type == content_type
    assert written == content


@pytest.mark.parametrize(
    ("name", "content"),
    [("words.json", b'["' + b"x" * 3_000_000), ("words.txt", b"\xc3" * 3_000_000)],
)
def test_large_text_that_is_cut_off_or_no_text_is_no_text(name: str, content: bytes) -> None:
    result, _ = fetch(f"https://cdn.test/{name}", content)

    assert isinstance(result, NotDownloaded) or result.format.content_type not in (TEXT, JSON)


@pytest.mark.parametrize(
    ("output", "extension", "content"),
    [
        ("A lighthouse in fog.", "txt", b"A lighthouse in fog."),
        ("42", "txt", b"42"),
        ("Ö \ud83d", "txt", "Ö ?".encode()),
        ('{"label": "cat"}', "json", b'{"label": "cat"}'),
        ("<svg xmlns='x'></svg>", "svg", b"<svg xmlns='x'></svg>"),
        ("<html>words</html>", "txt", b"<html>words</html>"),
        ("data:text/plain,a%20b", "txt", b"a b"),
        ("data:image/svg+xml;utf8,<svg xmlns='x'></svg>", "svg", b"<svg xmlns='x'></svg>"),
        ("s3://bucket/key.png", "txt", b"s3://bucket/key.png"),
    ],
)
def test_output_that_is_no_url_is_stored_as_it_came(
    output: str, extension: str, content: bytes
) -> None:
    result, written = fetch(output)

    assert isinstance(result, Download)
    assert (result.format.extension, written) == (extension, content)


@pytest.mark.parametrize("only_images", [True, False])
@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "DATA:application/x;Base64,"])
def test_image_in_base64_is_decoded_for_every_model(prefix: str, only_images: bool) -> None:
    result, written = fetch(prefix + base64.b64encode(PNG).decode(), only_images=only_images)

    assert isinstance(result, Download)
    assert (result.format.extension, written) == ("png", PNG)


@pytest.mark.parametrize("output", ["data:image/png;base64,???", "data:image/png;base64,iVBORw0="])
def test_damaged_data_uri_is_retried(output: str) -> None:
    result, _ = fetch(output, only_images=True)

    assert isinstance(result, NotDownloaded)
    assert not result.final


def test_compressed_text_is_stored_plain() -> None:
    content = b'{"text": "a lighthouse"}'

    result, written = fetch(
        "https://cdn.test/0.json", gzip.compress(content), Content_Encoding="gzip"
    )

    assert isinstance(result, Download)
    assert written == content
