import hashlib
from typing import Any

import httpx
import pytest

from tests.simulator.client import Api


@pytest.fixture
def done(api: Api) -> dict[str, Any]:
    return api.run(quality="low")


def test_the_served_bytes_can_be_compared_with_what_arrived(api: Api, done: dict[str, Any]) -> None:
    content = api.download(done).content

    [served] = api.provider.served()[done["outputs"][0].removeprefix(api.provider.cdn_url)]

    assert served == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "length": len(content),
        "status": 200,
        "is_complete": True,
        "fault": None,
    }


def test_the_cdn_needs_no_key_and_hides_what_it_does_not_have(
    api: Api, done: dict[str, Any]
) -> None:
    assert api.download(done, headers={"Authorization": "Bearer nobody"}).status_code == 200
    assert api.anyone.get(f"{api.provider.cdn_url}/output/none.png").status_code == 403


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_download_can_be_refused(api: Api, done: dict[str, Any], status: int) -> None:
    api.provider.fault("cdn.http", status=status)

    reply = api.download(done)

    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/xml")
    assert api.download(done).status_code == 200


def test_a_download_can_end_before_its_declared_length(api: Api, done: dict[str, Any]) -> None:
    api.provider.fault("cdn.truncated", keep=0.3)

    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        api.download(done)


def test_a_cut_file_can_come_with_a_consistent_length(api: Api, done: dict[str, Any]) -> None:
    whole = api.download(done).content
    api.provider.fault("cdn.truncated", kind="consistent", keep=0.3)

    reply = api.download(done)

    assert reply.headers["content-length"] == str(len(reply.content))
    assert reply.content == whole[: int(len(whole) * 0.3)]


@pytest.mark.parametrize(
    ("fault", "params", "content_type", "starts"),
    [
        ("cdn.wrong_type", {"content_type": "video/mp4"}, "video/mp4", b"\x89PNG"),
        ("cdn.html", {}, "text/html", b"<html>"),
        ("cdn.html", {"content_type": "image/png"}, "image/png", b"<html>"),
        ("cdn.empty", {}, "image/png", b""),
    ],
)
def test_a_200_can_be_something_else(
    api: Api, done: dict[str, Any], fault: str, params: dict[str, Any], content_type: str,
    starts: bytes,
) -> None:  # fmt: skip
    api.provider.fault(fault, **params)

    reply = api.download(done)

    assert (reply.status_code, reply.headers["content-type"]) == (200, content_type)
    assert reply.content.startswith(starts)
    assert bool(reply.content) is bool(starts)


def test_a_download_can_redirect_to_a_private_address(api: Api, done: dict[str, Any]) -> None:
    api.provider.fault("cdn.redirect")
    api.provider.fault("cdn.redirect", to="https://elsewhere.example/x.png", status=301)

    inward, outward = api.download(done), api.download(done)

    assert (inward.status_code, outward.status_code) == (302, 301)
    assert inward.headers["location"].startswith("http://169.254.169.254/")
    assert outward.headers["location"] == "https://elsewhere.example/x.png"


@pytest.mark.parametrize("declared", [True, False])
def test_a_download_can_be_huge(api: Api, done: dict[str, Any], declared: bool) -> None:
    size = 70_000_000
    api.provider.fault("cdn.huge", bytes=size, declared=declared)

    with api.anyone.stream("GET", done["outputs"][0]) as reply:
        received = sum(len(part) for part in reply.iter_raw())

    assert received == size
    assert reply.headers.get("content-length") == (str(size) if declared else None)


def test_a_download_can_be_slow_to_start_and_then_trickle(api: Api, done: dict[str, Any]) -> None:
    size = len(api.download(done).content)
    api.provider.fault("cdn.slow", seconds=0.2)
    api.provider.fault("cdn.slow", seconds=0, bytes_per_second=3 * size)

    late, trickling = api.download(done), api.download(done)

    assert late.elapsed.total_seconds() > 0.2
    assert trickling.elapsed.total_seconds() > 0.3
    assert len(trickling.content) == size


def test_a_download_can_hang_or_break_off(api: Api, done: dict[str, Any]) -> None:
    api.provider.fault("cdn.hang")
    api.provider.fault("cdn.close")

    with pytest.raises(httpx.ReadTimeout):
        api.download(done, timeout=0.2)
    with pytest.raises(httpx.ReadError):
        api.download(done)
