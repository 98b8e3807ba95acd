"""Presigned uploads in both API formats, and the read-only routes for presets and estimates."""

from typing import Any

import pytest

from darkroom.domain import pricing
from tests.fakes.images import PNG
from tests.unit.http import V1_JOBS, Client, error_message

PATH = "/v1/uploads"
FILE = {"content_type": "image/png", "size": len(PNG)}
WAVESPEED_PREFIX, EDIT = "/api/v3/media/uploads", "/api/v3/openai/gpt-image-2/edit"
WAVESPEED_FILE: dict[str, Any] = {"filename": "a.png", "size": 68}
TYPES = "image/png, image/jpeg, image/webp, text/csv, application/x-ndjson"
SIZES = "a whole number of bytes, 1 to 20000000"
INVALID_TYPES: list[object] = ["image/jpg", "", 5, ["image/png"], {}]
INVALID_SIZES: list[object] = [0, -1, 1.5, "5", True, [], {}, 10**40]
NOT_OBJECTS: list[object] = [[], "x", None]


def test_presigned_upload_has_url_headers_and_expiry() -> None:
    ada = Client()

    response = ada.post(PATH, FILE)

    payload = response.json
    assert response.status == 201
    assert (payload["method"], payload["reference"]) == ("PUT", f"upload:{payload['upload_id']}")
    assert payload["uri"] == f"s3://assets/uploads/{payload['upload_id']}"
    assert payload["headers"]["Content-Type"] == "image/png"
    assert payload["headers"]["x-amz-meta-darkroom-caller"] == "key:ada"
    assert payload["expires_at"] == "2026-11-22T12:15:00Z"


@pytest.mark.parametrize("field", ["reference", "uri"])
def test_uploaded_file_can_be_referenced(field: str) -> None:
    ada = Client()
    payload = ada.post(PATH, FILE).json
    edit = {"operation": "edit", "prompt": "x", "images": [payload[field]]}
    assert ada.post(V1_JOBS, edit).status == 400  # the file is not uploaded yet
    key = f"uploads/{payload['upload_id']}"
    ada.world.references.objects["assets", key] = [PNG]
    ada.world.references.owners[key] = payload["headers"]["x-amz-meta-darkroom-caller"]

    job = ada.accept_job(edit)

    assert [str(reference) for reference in job.references] == [payload["uri"]]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [("content_type", f"`content_type` is missing. Use one of {TYPES}.", TYPES),
              ("size", f"`size` is missing. Use {SIZES}.", SIZES)]),
        *((FILE | {"content_type": invalid},
           [("content_type", f"`content_type` must be one of {TYPES}.", TYPES)])
          for invalid in INVALID_TYPES),
        *((FILE | {"size": size}, [("size", f"`size` must be {SIZES}.", SIZES)])
          for size in INVALID_SIZES),
        (FILE | {"name": "a"},
         [("name", "`name` is not a field of this request. Use one of content_type, size.",
           "one of content_type, size")]),
        (FILE | {"size": 20_000_001},
         [("size", "The file is 20.1 MB; the limit is 20 MB.", SIZES)]),
        (FILE | {"content_type": "image/gif"},
         [("content_type", "The file is a GIF. Use PNG, JPEG or WebP.", TYPES)]),
        *((body, [("", "The body must be a JSON object with the fields content_type, size.",
                      "content_type, size")]) for body in NOT_OBJECTS),
    ],
)  # fmt: skip
def test_invalid_field_is_named(body: Any, problems: list[tuple[str, str, str]]) -> None:
    ada = Client()

    response = ada.post(PATH, body)

    errors = [
        (error["field"], error["message"], error["allowed"]) for error in response.json["errors"]
    ]
    assert (response.status, errors) == (400, problems)
    assert ada.world.references.presigned_uploads == []


def test_wavespeed_upload_returns_a_url_that_can_be_referenced() -> None:
    ada = Client()

    payload = ada.post(WAVESPEED_PREFIX, WAVESPEED_FILE).json["data"]
    [presigned] = ada.world.references.presigned_uploads
    ada.world.references.objects["assets", presigned.location.key] = [PNG]
    ada.world.references.owners[presigned.location.key] = "key:ada"
    job_id = ada.post(EDIT, {"prompt": "x", "images": [payload["download_url"]]}).json["data"]["id"]

    assert (payload["type"], payload["filename"], payload["size"]) == ("image", "a.png", 68)
    assert (payload["upload"]["method"], payload["upload"]["url"]) == ("PUT", presigned.url)
    assert payload["upload"]["headers"] == presigned.headers
    assert payload["upload"]["expires_at"] == "2026-11-22T12:15:00+00:00"
    assert [str(reference) for reference in ada.world.job(job_id).references] == [
        str(presigned.location)
    ]


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [("a.png", "image/png"), ("A.JPG", "image/jpeg"), ("a.webp", "image/webp"), ("x/ü.jpeg", None)],
)
def test_content_type_is_guessed_from_the_filename(filename: str, content_type: str | None) -> None:
    ada = Client()

    assert ada.post(WAVESPEED_PREFIX, {"filename": filename, "size": 5}).status == 200
    assert ada.world.references.presigned_uploads[0].headers["Content-Type"] == (
        content_type or "image/jpeg"
    )


@pytest.mark.parametrize(
    ("body", "start"),
    [({"size": 5}, "`filename`"), (WAVESPEED_FILE | {"filename": ""}, "`filename`"),
     ([], "`filename`"), (WAVESPEED_FILE | {"filename": 5}, "`filename`"),
     ({"filename": "a.png"}, "`size`"), (WAVESPEED_FILE | {"size": True}, "`size`"),
     (WAVESPEED_FILE | {"size": 25_000_000}, "a.png is 25 MB; the limit is 20 MB."),
     (WAVESPEED_FILE | {"content_type": "video/mp4"}, "a.png is an MP4 file."),
     (WAVESPEED_FILE | {"filename": "a.gif"}, "a.gif is a GIF."),
     *((WAVESPEED_FILE | {"filename": name}, "`content_type`")
       for name in ("png", "http://[", "data:,", "\x00", "//[x]y", "x" * 9000))],
    ids=ascii,
)  # fmt: skip
def test_invalid_field_is_named_in_the_wavespeed_envelope(body: object, start: str) -> None:
    assert error_message(Client().post(WAVESPEED_PREFIX, body), 400).startswith(start)


def test_presets_response_has_the_current_presets_and_the_problem() -> None:
    ada = Client(role="read")

    payload = ada.get("/v1/presets").json
    ada.world.presets.problem = "The document is not valid JSON."

    assert payload["problem"] is None
    assert payload["version"] == ada.world.presets.current.version
    assert payload["presets"].keys() == ada.world.presets.current.presets.keys()
    assert ada.get("/v1/presets").json["problem"] == "The document is not valid JSON."


@pytest.mark.parametrize(
    ("body", "price"),
    [
        ({"operation": "text-to-image", "prompt": "x"}, 60_000),
        ({"operation": "text-to-image", "prompt": "x", "priority": "low"}, 60_000),
        ({"operation": "text-to-image", "prompt": "x", "quality": "low"}, 10_000),
        ({"operation": "edit", "prompt": "x", "images": ["s3://any/one", "s3://any/two"]}, 82_000),
        ({"model": "maker/other", "input": {"prompt": "x"}}, None),
    ],
)
def test_estimate_creates_no_job_and_reads_no_references(
    body: dict[str, Any], price: int | None
) -> None:
    reader = Client(role="read")

    response = reader.post("/v1/estimates", body)

    assert (response.status, response.json["estimated_cost_micro_usd"]) == (200, price)
    assert response.json["priced_as_of"] == (pricing.AS_OF if price else None)
    assert reader.world.jobs.records == {}
