"""Leave to put a file, in both formats; and the routes that only tell: presets and prices."""

from typing import Any

import pytest

from darkroom.domain import pricing
from tests.fakes.pictures import PNG
from tests.unit.http import V1_JOBS, Client, refused

PATH = "/v1/uploads"
FILE = {"content_type": "image/png", "size": len(PNG)}
WAVESPEED_PREFIX, EDIT = "/api/v3/media/uploads", "/api/v3/openai/gpt-image-2/edit"
WIRE_FILE: dict[str, Any] = {"filename": "a.png", "size": 68}
TYPES = "image/png, image/jpeg, image/webp, text/csv, application/x-ndjson"
SIZES = "a whole number of bytes, 1 to 20000000"
NO_TYPES: list[object] = ["image/gif", "", 5, ["image/png"], {}]
NO_SIZES: list[object] = [0, -1, 20_000_001, 1.5, 5.0, "5", True, [], {}, 10**40]
NO_OBJECTS: list[object] = [[], "x", None]


def test_a_ticket_says_where_how_and_until_when_to_put_the_file() -> None:
    ada = Client()

    answer = ada.post(PATH, FILE)

    told = answer.json
    assert answer.status == 201
    assert (told["method"], told["reference"]) == ("PUT", f"upload:{told['upload_id']}")
    assert told["uri"] == f"s3://assets/uploads/{told['upload_id']}"
    assert told["headers"]["Content-Type"] == "image/png"
    assert told["headers"]["x-amz-meta-darkroom-caller"] == "key:ada"
    assert told["expires_at"] == "2026-11-22T12:15:00Z"


@pytest.mark.parametrize("form", ["reference", "uri"])
def test_what_was_put_can_be_referred_to(form: str) -> None:
    ada = Client()
    told = ada.post(PATH, FILE).json
    edit = {"operation": "edit", "prompt": "x", "images": [told[form]]}
    assert ada.post(V1_JOBS, edit).status == 400  # nothing was put yet
    key = f"uploads/{told['upload_id']}"
    ada.world.references.objects["assets", key] = [PNG]
    ada.world.references.owners[key] = told["headers"]["x-amz-meta-darkroom-caller"]

    job = ada.accepted(edit)

    assert [str(reference) for reference in job.references] == [told["uri"]]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, [("content_type", "is missing", TYPES), ("size", "is missing", SIZES)]),
        *((FILE | {"content_type": kind}, [("content_type", "is not one of the values", TYPES)])
          for kind in NO_TYPES),
        *((FILE | {"size": size}, [("size", "is not valid", SIZES)])
          for size in NO_SIZES),
        (FILE | {"name": "a"}, [("name", "is not a field of this", "content_type, size")]),
        *((body, [("", "is no JSON object", "content_type, size")]) for body in NO_OBJECTS),
    ],
)  # fmt: skip
def test_a_bad_field_is_named(body: Any, problems: list[tuple[str, str, str]]) -> None:
    ada = Client()

    answer = ada.post(PATH, body)

    told = [(each["field"], each["message"], each["allowed"]) for each in answer.json["errors"]]
    assert (answer.status, told) == (400, problems)
    assert ada.world.uploads.given == []


@pytest.mark.parametrize("size", [1, 20_000_000])
def test_every_size_a_reference_may_have_is_taken(size: int) -> None:
    assert Client().post(PATH, FILE | {"size": size}).status == 201


@pytest.mark.parametrize("field", ["x" * 5000, "\ud800", "\U0001f3ee", ""])
def test_an_unknown_field_may_have_any_name(field: str) -> None:
    assert Client().post(PATH, {**FILE, field: 1}).status == 400


def test_the_providers_ticket_leads_to_a_url_that_can_be_referred_to() -> None:
    ada = Client()

    told = ada.post(WAVESPEED_PREFIX, WIRE_FILE).json["data"]
    [presigned] = ada.world.uploads.given
    ada.world.references.objects["assets", presigned.location.key] = [PNG]
    ada.world.references.owners[presigned.location.key] = "key:ada"
    job_id = ada.post(EDIT, {"prompt": "x", "images": [told["download_url"]]}).json["data"]["id"]

    assert (told["type"], told["filename"], told["size"]) == ("image", "a.png", 68)
    assert (told["upload"]["method"], told["upload"]["url"]) == ("PUT", presigned.url)
    assert told["upload"]["headers"] == presigned.headers
    assert told["upload"]["expires_at"] == "2026-11-22T12:15:00+00:00"
    assert [str(each) for each in ada.world.job(job_id).references] == [str(presigned.location)]


@pytest.mark.parametrize(
    ("filename", "kind"),
    [("a.png", "image/png"), ("A.JPG", "image/jpeg"), ("a.webp", "image/webp"), ("x/ü.jpeg", None)],
)
def test_the_type_of_a_file_may_be_left_to_its_name(filename: str, kind: str | None) -> None:
    ada = Client()

    assert ada.post(WAVESPEED_PREFIX, {"filename": filename, "size": 5}).status == 200
    assert ada.world.uploads.given[0].headers["Content-Type"] == (kind or "image/jpeg")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"size": 5}, "filename"), (WIRE_FILE | {"filename": ""}, "filename"), ([], "filename"),
     (WIRE_FILE | {"filename": 5}, "filename"), ({"filename": "a.png"}, "size"),
     (WIRE_FILE | {"size": 20_000_001}, "size"), (WIRE_FILE | {"size": True}, "size"),
     (WIRE_FILE | {"content_type": "video/mp4"}, "content_type"),
     *((WIRE_FILE | {"filename": name}, "content_type")
       for name in ("a.gif", "png", "http://[", "data:,", "\x00", "//[x]y", "x" * 9000))],
    ids=ascii,
)  # fmt: skip
def test_a_bad_field_is_named_in_the_providers_envelope(body: object, field: str) -> None:
    assert refused(Client().post(WAVESPEED_PREFIX, body), 400).startswith(field)


def test_the_presets_that_serve_are_shown_with_what_is_wrong_with_newer_ones() -> None:
    ada = Client(role="read")

    told = ada.get("/v1/presets").json
    ada.world.presets.problem = "it is not valid JSON"

    assert told["problem"] is None
    assert told["version"] == ada.world.presets.serving.version
    assert told["presets"].keys() == ada.world.presets.serving.presets.keys()
    assert ada.get("/v1/presets").json["problem"] == "it is not valid JSON"


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
def test_a_price_is_told_without_a_job_or_a_look_at_the_references(
    body: dict[str, Any], price: int | None
) -> None:
    reader = Client(role="read")

    answer = reader.post("/v1/estimates", body)

    assert (answer.status, answer.json["estimated_cost_micro_usd"]) == (200, price)
    assert answer.json["priced_as_of"] == (pricing.AS_OF if price else None)
    assert reader.world.jobs.records == {}
