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


def presigned_upload(api: Api, size: int, **extra: Any) -> dict[str, Any]:
    body = {"filename": "tea.png", "size": size, "content_type": "image/png"} | extra
    upload: dict[str, Any] = api.data(api.post("/media/uploads", body))
    return upload


def put_bytes(
    api: Api, upload: dict[str, Any], content: bytes, **headers: str | None
) -> httpx.Response:
    sent = upload["upload"]["headers"] | {k.replace("_", "-"): v for k, v in headers.items()}
    sent = {name: value for name, value in sent.items() if value is not None}
    return api.anonymous.put(upload["upload"]["url"], content=content, headers=sent)


def test_presigned_upload_is_stored_and_served(api: Api, png: bytes) -> None:
    upload = presigned_upload(api, len(png))

    assert api.anonymous.get(upload["download_url"]).status_code == 403
    assert put_bytes(api, upload, png).status_code == 200
    fetched = api.anonymous.get(upload["download_url"])

    assert (upload["type"], upload["filename"], upload["size"]) == ("image", "tea.png", len(png))
    assert upload["upload"]["method"] == "PUT"
    assert (fetched.content, fetched.headers["content-type"]) == (png, "image/png")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": None}, 403),
        ({"Content_Type": "image/jpeg"}, 403),
        ({"Authorization": "Bearer wsk_first_key_0001"}, 400),
    ],
)
def test_put_with_wrong_headers_is_refused(
    api: Api, png: bytes, headers: dict[str, str | None], status: int
) -> None:
    assert put_bytes(api, presigned_upload(api, len(png)), png, **headers).status_code == status


def test_put_needs_the_declared_size_and_works_once(api: Api, png: bytes) -> None:
    upload = presigned_upload(api, len(png))

    assert put_bytes(api, upload, png + b"x").status_code == 400
    assert put_bytes(api, upload, png).status_code == 200
    assert put_bytes(api, upload, png).status_code == 412


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
def test_invalid_upload_request_is_refused(api: Api, body: dict[str, Any], status: int) -> None:
    assert api.post("/media/uploads", body).status_code == status


def test_form_upload_can_be_edited(api: Api, png: bytes) -> None:
    response = api.http.post("/media/upload/binary", files={"file": ("tea.png", png, "image/png")})
    uploaded = api.data(response)

    done = api.run("more tea", EDIT, images=[uploaded["download_url"]])

    assert uploaded["size"] == len(png)
    assert api.image(done).size == (1184, 880)
