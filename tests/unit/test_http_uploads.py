"""Presigned uploads in both API formats, and the read-only routes for presets and estimates."""

from typing import Any

import pytest

from darkroom.domain import pricing
from darkroom.domain.references import S3Object
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import Quote
from tests.fakes.images import PNG
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client, error_message

PATH = "/v1/uploads"
FILE = {"content_type": "image/png", "size": len(PNG)}
WAVESPEED_PREFIX, EDIT = "/api/v3/media/uploads", "/api/v3/openai/gpt-image-2/edit"
WAVESPEED_FILE: dict[str, Any] = {"filename": "a.png", "size": 68}
SIZES = "a whole number of bytes, 1 to 20000000"
INVALID_TYPES: list[object] = [5, ["image/png"], {}]
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
        ({}, [("size", "`size` is missing. Use a whole number of bytes, 1 to 32000000.",
               "a whole number of bytes, 1 to 32000000")]),
        *((FILE | {"content_type": invalid},
           [("content_type", "`content_type` must be a string.", "a string")])
          for invalid in INVALID_TYPES),
        *((FILE | {"size": size}, [("size", f"`size` must be {SIZES}.", SIZES)])
          for size in INVALID_SIZES),
        (FILE | {"name": "a"},
         [("name", "`name` is not a field of this request. Use one of content_type, size.",
           "one of content_type, size")]),
        (FILE | {"size": 20_000_001},
         [("size", "The file is 20.1 MB; the limit is 20 MB.", SIZES)]),
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


@pytest.mark.parametrize(
    ("content_type", "stored"),
    [("image/jpeg", "image/jpeg"), ("Image/PNG; q=1", "image/png"), ("text/csv", "text/csv"),
     *((wrong, "application/octet-stream") for wrong in (
         None, "", "image/jpg", "image/x-png", "application/octet-stream", "video/mp4", "text/html",
         "image/svg+xml", "?", "x" * 9000))],
)  # fmt: skip
def test_any_content_type_is_taken_and_only_known_ones_are_stored(
    content_type: str | None, stored: str
) -> None:
    response = Client().post(PATH, {"content_type": content_type, "size": 68.0})

    assert (response.status, response.json["headers"]["Content-Type"]) == (201, stored)


def test_uploaded_image_is_judged_by_its_bytes_and_served_with_their_type() -> None:
    ada = Client()
    payload = ada.post(PATH, {"size": len(PNG)}).json
    key = f"uploads/{payload['upload_id']}"
    references = ada.world.references
    references.objects["assets", key] = [PNG]
    references.owners[key] = payload["headers"]["x-amz-meta-darkroom-caller"]
    references.content_types[key] = payload["headers"]["Content-Type"]
    edit = {"operation": "edit", "prompt": "x", "images": [payload["reference"]]}

    [reference] = ada.accept_job(edit).references

    assert isinstance(reference, S3Object)
    assert "response-content-type=image%2Fpng" in references.presign(reference, 60)
    references.objects["assets", key] = [b"GIF89a" + bytes(60)]
    [message] = [error["message"] for error in ada.post(V1_JOBS, edit).json["errors"]]
    assert message == "Reference image 1 is a GIF. Use PNG, JPEG or WebP."


def test_wavespeed_upload_returns_a_url_that_can_be_referenced() -> None:
    ada = Client()

    payload = ada.post(WAVESPEED_PREFIX, WAVESPEED_FILE).json["data"]
    [presigned] = ada.world.references.presigned_uploads
    ada.world.references.objects["assets", presigned.location.key] = [PNG]
    ada.world.references.owners[presigned.location.key] = "key:ada"
    job_id = ada.post(EDIT, {"prompt": "x", "images": [payload["download_url"]]}).json["data"]["id"]

    assert (payload["filename"], payload["size"]) == ("a.png", 68)
    assert (payload["upload"]["method"], payload["upload"]["url"]) == ("PUT", presigned.url)
    assert payload["upload"]["headers"] == presigned.headers
    assert payload["upload"]["expires_at"] == "2026-11-22T12:15:00+00:00"
    assert [str(reference) for reference in ada.world.job(job_id).references] == [
        str(presigned.location)
    ]


@pytest.mark.parametrize(
    "filename",
    ["upload", "a.png", "photo.jfif", "x/ü", "png", "http://[", "data:,", "\x00", "x" * 9000],
)
def test_file_of_any_name_can_be_uploaded(filename: str) -> None:
    """The SDKs send `upload` for a file object without a name."""
    response = Client().post(WAVESPEED_PREFIX, {"filename": filename, "size": 1360})

    assert response.status == 200
    assert response.json["data"]["filename"] == filename
    headers = response.json["data"]["upload"]["headers"]
    assert headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("body", "start"),
    [({"size": 5}, "`filename`"), (WAVESPEED_FILE | {"filename": ""}, "`filename`"),
     ([], "`filename`"), (WAVESPEED_FILE | {"filename": 5}, "`filename`"),
     ({"filename": "a.png"}, "`size`"), (WAVESPEED_FILE | {"size": True}, "`size`"),
     (WAVESPEED_FILE | {"size": 35_000_000}, "a.png is 35 MB; the limit is 32 MB."),
     (WAVESPEED_FILE | {"content_type": "image/png", "size": 25_000_000},
      "a.png is 25 MB; the limit is 20 MB."),
     (WAVESPEED_FILE | {"content_type": 5}, "`content_type`")],
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


def test_read_key_gets_published_prices_and_sends_the_provider_nothing() -> None:
    ada = Client()
    ada.world.prices.quotes = dict.fromkeys(
        (TEXT_TO_IMAGE_MODEL, EDIT_MODEL), Quote(1, "2026-11-22")
    )
    question = {"model_id": TEXT_TO_IMAGE_MODEL, "inputs": {"quality": "low"}}

    def prices(client: Client) -> set[float]:
        estimate = client.post("/v1/estimates", TEXT_TO_IMAGE).json["estimated_cost_micro_usd"]
        asked = client.post("/api/v3/model/price", question).json["data"]["price"]
        listed = [m["base_price"] for m in client.get("/api/v3/models").json["data"]]
        return {estimate, round(asked * 1e6), *(round(price * 1e6) for price in listed)}

    assert prices(ada) == {1}
    assert 1 not in prices(ada.as_("ben", role="read"))
