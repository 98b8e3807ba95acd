import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.simulator.client import EDIT, Api


@pytest.fixture
def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


def ticket(api: Api, size: int, **extra: Any) -> dict[str, Any]:
    body = {"filename": "tea.png", "size": size, "content_type": "image/png"} | extra
    found: dict[str, Any] = api.data(api.post("/media/uploads", body))
    return found


def put(api: Api, ticket: dict[str, Any], content: bytes, **headers: str | None) -> httpx.Response:
    sent = ticket["upload"]["headers"] | {k.replace("_", "-"): v for k, v in headers.items()}
    sent = {name: value for name, value in sent.items() if value is not None}
    return api.anyone.put(ticket["upload"]["url"], content=content, headers=sent)


def test_a_ticket_takes_the_bytes_and_serves_them(api: Api, png: bytes) -> None:
    given = ticket(api, len(png))

    assert api.anyone.get(given["download_url"]).status_code == 403
    assert put(api, given, png).status_code == 200
    fetched = api.anyone.get(given["download_url"])

    assert (given["type"], given["filename"], given["size"]) == ("image", "tea.png", len(png))
    assert given["upload"]["method"] == "PUT"
    assert (fetched.content, fetched.headers["content-type"]) == (png, "image/png")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": None}, 403),
        ({"Content_Type": "image/jpeg"}, 403),
        ({"Authorization": "Bearer wsk_first_key_0001"}, 400),
    ],
)
def test_the_put_must_carry_exactly_the_headers_of_its_ticket(
    api: Api, png: bytes, headers: dict[str, str | None], status: int
) -> None:
    assert put(api, ticket(api, len(png)), png, **headers).status_code == status


def test_a_put_must_have_the_announced_size_and_happens_once(api: Api, png: bytes) -> None:
    given = ticket(api, len(png))

    assert put(api, given, png + b"x").status_code == 400
    assert put(api, given, png).status_code == 200
    assert put(api, given, png).status_code == 412


def test_a_ticket_expires(api: Api, png: bytes) -> None:
    given = ticket(api, len(png))
    api.provider.advance(3601)

    assert put(api, given, png).status_code == 403


def test_a_form_upload_can_be_edited(api: Api, png: bytes) -> None:
    reply = api.http.post("/media/upload/binary", files={"file": ("tea.png", png, "image/png")})
    uploaded = api.data(reply)

    done = api.run("more tea", EDIT, images=[uploaded["download_url"]])

    assert uploaded["size"] == len(png)
    assert api.picture(done).size == (1184, 880)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"size": 3}, 400),
        ({"filename": "a.png"}, 400),
        ({"filename": "a.png", "size": 0}, 400),
        ({"filename": "a.exe", "size": 3}, 400),
        ({"filename": "a.png", "size": 300 * 1024 * 1024}, 413),
    ],
)
def test_a_bad_ticket_request_is_refused(api: Api, body: dict[str, Any], status: int) -> None:
    assert api.post("/media/uploads", body).status_code == status


def test_a_form_without_a_file_is_refused(api: Api) -> None:
    assert api.http.post("/media/upload/binary", data={"file": "text"}).status_code == 400
