import hashlib
from typing import Any

import httpx
import pytest

from tests.simulator.client import Api


@pytest.fixture
def done(api: Api) -> dict[str, Any]:
    return api.run(quality="low")


def test_served_reports_hash_and_length_of_downloads(api: Api, done: dict[str, Any]) -> None:
    content = api.download(done).content

    [served] = api.provider.served()[done["outputs"][0].removeprefix(api.provider.cdn_url)]

    assert served == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "length": len(content),
        "status": 200,
        "is_complete": True,
        "fault": None,
    }


def test_cdn_ignores_keys_and_returns_403_for_unknown_files(api: Api, done: dict[str, Any]) -> None:
    assert api.download(done, headers={"Authorization": "Bearer unknown"}).status_code == 200
    assert api.anonymous.get(f"{api.provider.cdn_url}/output/none.png").status_code == 403


@pytest.mark.parametrize("status", [403, 404, 503])
def test_cdn_http_fault_fails_one_download(api: Api, done: dict[str, Any], status: int) -> None:
    api.provider.fault("cdn.http", status=status)

    response = api.download(done)

    assert (response.status_code, response.headers["content-type"]) == (status, "application/xml")
    assert api.download(done).status_code == 200


def test_truncated_download_breaks_its_content_length(api: Api, done: dict[str, Any]) -> None:
    api.provider.fault("cdn.truncated", keep=0.3)

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        api.download(done)


def test_consistently_truncated_download_matches_its_content_length(
    api: Api, done: dict[str, Any]
) -> None:
    whole = api.download(done).content
    api.provider.fault("cdn.truncated", kind="consistent", keep=0.3)

    response = api.download(done)

    assert response.headers["content-length"] == str(len(response.content))
    assert response.content == whole[: int(len(whole) * 0.3)]


@pytest.mark.parametrize(
    ("fault", "params", "content_type", "starts"),
    [
        ("cdn.wrong_type", {"content_type": "video/mp4"}, "video/mp4", b"\x89PNG"),
        ("cdn.html", {}, "text/html", b"<html>"),
        ("cdn.html", {"content_type": "image/png"}, "image/png", b"<html>"),
        ("cdn.empty", {}, "image/png", b""),
    ],
)
def test_download_with_status_200_can_have_wrong_content(
    api: Api, done: dict[str, Any], fault: str, params: dict[str, Any], content_type: str,
    starts: bytes,
) -> None:  # fmt: skip
    api.provider.fault(fault, **params)

    response = api.download(done)

    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    assert response.content.startswith(starts)
    assert bool(response.content) is bool(starts)


def test_redirect_fault_returns_status_and_location(api: Api, done: dict[str, Any]) -> None:
    api.provider.fault("cdn.redirect")
    api.provider.fault("cdn.redirect", to="https://elsewhere.example/x.png", status=301)

    inward, outward = api.download(done), api.download(done)

    assert (inward.status_code, outward.status_code) == (302, 301)
    assert inward.headers["location"].startswith("http://169.254.169.254/")
    assert outward.headers["location"] == "https://elsewhere.example/x.png"


@pytest.mark.parametrize("declared", [True, False])
def test_huge_fault_streams_the_requested_bytes(
    api: Api, done: dict[str, Any], declared: bool
) -> None:
    size = 70_000_000
    api.provider.fault("cdn.huge", bytes=size, declared=declared)

    with api.anonymous.stream("GET", done["outputs"][0]) as response:
        received = sum(len(part) for part in response.iter_raw())

    assert received == size
    assert response.headers.get("content-length") == (str(size) if declared else None)


def test_slow_fault_delays_or_throttles_a_download(api: Api, done: dict[str, Any]) -> None:
    size = len(api.download(done).content)
    api.provider.fault("cdn.slow", seconds=0.2)
    api.provider.fault("cdn.slow", seconds=0, bytes_per_second=3 * size)

    late, trickling = api.download(done), api.download(done)

    assert late.elapsed.total_seconds() > 0.2
    assert trickling.elapsed.total_seconds() > 0.3
    assert len(trickling.content) == size


def test_hang_and_close_faults_break_downloads(api: Api, done: dict[str, Any]) -> None:
    api.provider.fault("cdn.hang")
    api.provider.fault("cdn.close")

    with pytest.raises(httpx.ReadTimeout):
        api.download(done, timeout=0.2)
    with pytest.raises(httpx.ReadError):
        api.download(done)
