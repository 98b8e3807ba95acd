"""The requests of WaveSpeed's clients, as their source code sends them (docs/compatibility.md).

Sources, read in November 2026: wavespeed-go `api/client.go`, wavespeed-java `Client.java`,
wavespeed-php `src/Client.php`, @wavespeed/cli 0.2.2 `dist/lib/api.js`, wavespeed-cli
`src/lib/api.ts`, mcp-server `src/lib/api.ts`, wavespeedai-skills 1.2.0 `cli.py`,
langchain-wavespeed 0.1.3 `tools.py`, llama-index-tools-wavespeed 0.1.3 `base.py`, wavespeed-mcp
0.1.27 `server.py`.
"""

import json
from datetime import timedelta
from typing import Any

import pytest

from darkroom.api.schemas import MAX_FORM_BYTES
from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.domain.requests import EDIT_MODEL, TEXT_TO_IMAGE_MODEL
from darkroom.ports import Accepted, Quote
from tests.fakes.images import JPEG, PNG
from tests.unit.http import V1_JOBS, Client, Response, complete_job, error_message, submit_job

V3 = "/api/v3"
T2I, EDIT = f"{V3}/{TEXT_TO_IMAGE_MODEL}", f"{V3}/{EDIT_MODEL}"
ANY = f"{V3}/maker/model"
PROMPT = {"prompt": "a lighthouse in fog"}
IMAGES = {"images": ["https://a.test/b.png"]}
DEFAULTS = {"resolution": "1k", "quality": "medium", "output_format": "png"}


def data(response: Response) -> Any:
    """Assert the envelope of a success; return its data."""
    assert (response.status, response.json["code"]) == (200, 200), response.text
    return response.json["data"]


def create(client: Client, body: dict[str, Any] | None = None, path: str = T2I) -> str:
    """Submit a job; return its id."""
    return str(data(client.post(path, PROMPT if body is None else body))["id"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(T2I, PROMPT | {"resolution": "2k", "aspect_ratio": "16:9"}, id="langchain"),
        pytest.param(T2I, PROMPT | {"aspect_ratio": "4:3"}, id="llama-index"),
        pytest.param(EDIT, PROMPT | IMAGES | {"enable_sync_mode": False}, id="php"),
        pytest.param(EDIT, PROMPT | IMAGES | {"output_format": "jpeg"}, id="java"),
        pytest.param(T2I, PROMPT | {"quality": "low"}, id="go"),
    ],
)
def test_request_of_a_client_creates_a_job(path: str, body: dict[str, Any]) -> None:
    ada = Client()
    headers = {
        "Content-Type": "application/json", "X-Client-Name": "wavespeed-x",
        "X-Client-Version": "1", "X-Client-OS": "linux",
    }  # fmt: skip

    job_id = data(ada.send("POST", path, body=json.dumps(body), headers=headers))["id"]
    result = ada.send("GET", f"{V3}/predictions/{job_id}/result", headers=headers)

    assert data(result)["status"] == "created"


# ------------------------------------------------------------------------------ options


@pytest.mark.parametrize(
    "options",
    [
        {"n": 1}, {"n": 1.0}, {"n": "1"}, {"num_images": 1}, {"max_images": 1},
        {"quality": "auto"}, {"quality": "Auto"}, {"aspect_ratio": "auto"}, {"resolution": "auto"},
        {"size": "auto"}, {"background": "auto"}, {"moderation": "auto"}, {"seed": -1},
        {"response_format": "url"}, {"stream": False}, {"enable_sync_mode": False},
        {"enable_base64_output": "false"}, {"webhook_url": ""}, {"mask_image": ""},
        {"negative_prompt": None}, {"images": []}, {"quality": None, "resolution": ""},
    ],
    ids=str,
)  # fmt: skip
def test_option_that_equals_a_default_is_taken(options: dict[str, Any]) -> None:
    ada = Client()

    job_id = create(ada, PROMPT | options)

    assert ada.world.job(job_id).input == PROMPT | DEFAULTS


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("1024*1024", "1:1"),
        ("1024 X 1024", "1:1"),
        ("1536*1024", "3:2"),
        ("1024\u00d71536", "2:3"),
    ],
)
@pytest.mark.parametrize("path", [T2I, EDIT])
def test_size_of_openai_becomes_an_aspect_ratio(path: str, size: str, ratio: str) -> None:
    ada = Client()
    images = IMAGES if path == EDIT else {}

    job_id = create(ada, PROMPT | images | {"size": size}, path)

    assert ada.world.job(job_id).input == PROMPT | DEFAULTS | {"aspect_ratio": ratio}


@pytest.mark.parametrize(
    ("options", "name", "hint"),
    [
        ({"n": 2}, "n", "can only be 1"),
        ({"n": True}, "n", "can only be 1"),
        ({"n": [1]}, "n", "can only be 1"),
        ({"num_images": 4}, "num_images", "can only be 1"),
        ({"seed": 42}, "seed", "can only be -1"),
        ({"background": "transparent"}, "background", "auto or opaque"),
        ({"mask_image": "https://a.test/m.png"}, "mask_image", "Use one of"),
        ({"resolution": "1.5k"}, "resolution", "'1k', '2k' or '4k'"),
        ({"quality": "hd"}, "quality", "'low', 'medium' or 'high'"),
        ({"size": "512*512"}, "size", "`resolution` and `aspect_ratio`"),
        ({"size": 1024}, "size", "1024x1024, 1536x1024, 1024x1536"),
        ({"size": "1024x1024", "aspect_ratio": "16:9"}, "size", "contradicts `aspect_ratio`"),
        ({"size": "1024x1024", "resolution": "4k"}, "size", "contradicts `resolution`"),
        ({"enable_sync_mode": True}, "enable_sync_mode", "Poll the prediction"),
        ({"enable_base64_output": True}, "enable_base64_output", "`outputs`"),
        ({"webhook": "https://a.test"}, "webhook", "query parameter `webhook`"),
        ({"webhook_url": "https://a.test"}, "webhook_url", "query parameter `webhook`"),
        ({"callback_url": "https://a.test"}, "callback_url", "`POST /v1/jobs`"),
    ],
    ids=str,
)
def test_option_that_would_change_the_output_is_refused_by_name(
    options: dict[str, Any], name: str, hint: str
) -> None:
    ada = Client()

    message = error_message(ada.post(T2I, PROMPT | options), 400)

    assert f"`{name}`" in message
    assert hint in message
    assert ada.world.jobs.records == {}


def test_same_input_is_read_alike_under_v1() -> None:
    ada = Client()
    body = {"model": TEXT_TO_IMAGE_MODEL, "input": PROMPT | {"n": 1, "size": "1024x1024"}}

    job = ada.accept_job(body)
    refused = ada.post(V1_JOBS, body | {"input": PROMPT | {"enable_sync_mode": True}})

    assert job.input == PROMPT | DEFAULTS | {"aspect_ratio": "1:1"}
    assert refused.fields == ["input.enable_sync_mode"]


def test_options_of_other_models_are_passed_through() -> None:
    ada = Client()
    # wavespeed-mcp 0.1.27, text_to_image.
    options = {"size": "1024*1024", "num_images": 2, "seed": -1, "loras": [], "strength": 0.8}

    job_id = create(ada, PROMPT | options, ANY)

    assert ada.world.job(job_id).input == PROMPT | options


# ------------------------------------------------------------------------------ uploads


def form(
    content: bytes = PNG,
    disposition: str = 'name="file"; filename="photo.png"',
    boundary: str = "b",
) -> bytes:
    """A form as Go's mime/multipart writes it."""
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
    head += "Content-Type: application/octet-stream\r\n\r\n"
    return head.encode() + content + f"\r\n--{boundary}--\r\n".encode()


def send_form(client: Client, body: bytes, boundary: str = "b") -> Response:
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return client.send("POST", f"{V3}/media/upload/binary", body=body, headers=headers)


def test_form_upload_of_the_go_sdk_can_be_edited() -> None:
    ada = Client()

    upload = data(send_form(ada, form()))
    job_id = create(ada, PROMPT | {"images": [upload["download_url"]]}, EDIT)

    assert (upload["type"], upload["filename"], upload["size"]) == ("image", "photo.png", len(PNG))
    (reference,) = ada.world.job(job_id).references
    assert str(reference).startswith("s3://assets/uploads/")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"\r\n--c\r\n\r\n\x00\xff" * 9, "application/octet-stream"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "application/octet-stream"),
    ],
)
def test_bytes_of_a_form_decide_its_type(content: bytes, content_type: str) -> None:
    ada = Client()

    upload = data(send_form(ada, form(content, 'name="file"; filename="photo.html"')))

    references = ada.world.references
    ((key, stored_type),) = references.content_types.items()
    assert (references.objects["assets", key], stored_type) == ([content], content_type)
    assert references.owners[key] == "key:ada"
    assert upload["size"] == len(content)


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('name="file"', "upload"),
        ('name="file"; filename="Käse 猫.png"', "Käse 猫.png"),
        ("name=file; filename*=UTF-8''K%C3%A4se.png", "Käse.png"),
        ('filename="a\\"b.png"; name="file"', 'a"b.png'),
        ("name=file; filename*0=a; filename*1*=%zz; filename*=x''%ff", "\ufffd"),
        ('name="file"; filename="' + "x" * 300 + '"', "x" * 100),
    ],
)
def test_form_may_name_its_file_in_any_way(disposition: str, filename: str) -> None:
    assert data(send_form(Client(), form(disposition=disposition)))["filename"] == filename


@pytest.mark.parametrize("boundary", ["----WebKitFormBoundary7MA4", "'()+_,-./:=?"])
def test_form_may_have_any_boundary(boundary: str) -> None:
    other_field = f'--{boundary}\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'.encode()
    body = other_field + form(boundary=boundary)

    assert data(send_form(Client(), body, f'"{boundary}"; charset=utf-8'))["size"] == len(PNG)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (form(disposition='name="image"'), "multipart/form-data; boundary=b", 400),
        (form(b""), "multipart/form-data; boundary=b", 400),
        (b"", "multipart/form-data; boundary=b", 400),
        (b"\xff" * 99, "multipart/form-data; boundary=b", 400),
        (form(), "multipart/form-data", 415),
        (form(), "multipart/form-data; boundary=", 415),
        (PNG, "image/png", 415),
        (form(bytes(MAX_FORM_BYTES)), "multipart/form-data; boundary=b", 413),
    ],
)
def test_unusable_form_is_refused(body: bytes, content_type: str, status: int) -> None:
    ada = Client()

    response = ada.send(
        "POST", f"{V3}/media/upload/binary", body=body, headers={"Content-Type": content_type}
    )

    assert error_message(response, status)
    assert ada.world.references.objects == {}


def test_form_that_is_too_large_names_the_upload_without_this_limit() -> None:
    message = error_message(send_form(Client(), form(bytes(MAX_FORM_BYTES))), 413)

    assert "limit is 4.5 MB" in message
    assert "POST /api/v3/media/uploads" in message


# ------------------------------------------------------------------------------ models and prices


def test_model_list_has_gpt_image_2_with_schema_and_price() -> None:
    ada = Client()
    ada.world.prices.quotes[EDIT_MODEL] = Quote(70_000, "2026-11-22")

    text, edit = data(ada.get(f"{V3}/models"))

    assert (text["model_id"], text["type"], text["base_price"]) == (
        TEXT_TO_IMAGE_MODEL, "text-to-image", 0.06,
    )  # fmt: skip
    assert (edit["model_id"], edit["base_price"]) == (EDIT_MODEL, 0.07)
    (route,) = edit["api_schema"]["api_schemas"]
    assert (route["method"], route["api_path"]) == ("POST", EDIT)
    schema = route["request_schema"]
    assert schema["required"] == ["prompt", "images"]
    assert schema["properties"]["quality"]["enum"] == ["low", "medium", "high"]
    assert schema["properties"]["quality"]["default"] == "medium"
    assert schema["properties"]["aspect_ratio"]["type"] == "string"
    assert schema["x-order-properties"][:3] == ["prompt", "images", "aspect_ratio"]


def test_defaults_of_the_listed_schema_can_be_submitted() -> None:
    ada = Client()
    for model in data(ada.get(f"{V3}/models")):
        (route,) = model["api_schema"]["api_schemas"]
        schema = route["request_schema"]
        defaults = {n: p["default"] for n, p in schema["properties"].items() if "default" in p}

        images = IMAGES if "images" in schema["required"] else {}
        assert create(ada, PROMPT | images | defaults, route["api_path"])


def test_model_list_has_the_other_models_that_the_caller_has_used() -> None:
    ada = Client()
    bob = ada.as_("bob")
    ada.world.prices.quotes["maker/model"] = Quote(5_000, "2026-11-22")
    for path in (ANY, ANY, f"{V3}/maker/other"):
        create(ada, path=path)

    own = [(m["model_id"], m.get("base_price")) for m in data(ada.get(f"{V3}/models"))[2:]]

    assert sorted(own) == [("maker/model", 0.005), ("maker/other", None)]
    assert len(data(bob.get(f"{V3}/models"))) == 2


@pytest.mark.parametrize(
    ("path", "field"), [("model/price", "price"), ("model/pricing", "unit_price")]
)
@pytest.mark.parametrize(
    ("model", "inputs", "usd"),
    [
        (TEXT_TO_IMAGE_MODEL, {}, 0.06),
        (TEXT_TO_IMAGE_MODEL, {"prompt": "", "quality": "low", "n": 1}, 0.01),
        (EDIT_MODEL, {"resolution": "1k", "images": []}, 0.07),
        (EDIT_MODEL, {"images": ["https://a.test/b.png"] * 3}, 0.094),
    ],
)
def test_price_needs_no_prompt_and_starts_nothing(
    path: str, field: str, model: str, inputs: dict[str, Any], usd: float
) -> None:
    ada = Client()

    quote = data(ada.post(f"{V3}/{path}", {"model_id": model, "inputs": inputs}))

    assert quote["model_id"] == model
    assert (quote[field], quote["discounted_price"], quote["currency"]) == (usd, usd, "USD")
    assert ada.world.jobs.records == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"model_id": 5}, 400),
        ({"model_id": TEXT_TO_IMAGE_MODEL, "inputs": []}, 400),
        ({"model_id": TEXT_TO_IMAGE_MODEL, "inputs": {"quality": "hd"}}, 400),
        ({"model_id": "models"}, 404),
        ({"model_id": "maker/unpriced", "inputs": {}}, 404),
        ([], 400),
    ],
)
def test_unknown_price_and_invalid_question_are_refused(body: Any, status: int) -> None:
    assert error_message(Client().post(f"{V3}/model/price", body), status)


# ------------------------------------------------------------------------------ list and delete


def listed(client: Client, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = data(client.post(f"{V3}/predictions", query))["items"]
    return items


def test_list_has_the_callers_predictions_newest_first() -> None:
    ada = Client()
    job_ids = []
    for number in range(5):
        job_ids.append(create(ada, {"prompt": str(number)}))
        ada.world.clock.advance(60)
    create(ada.as_("bob"))

    assert [item["id"] for item in listed(ada)] == job_ids[::-1]
    assert [item["id"] for item in listed(ada, page=2, page_size=2)] == job_ids[::-1][2:4]
    assert listed(ada, page=4, page_size=2) == []
    assert len(listed(ada.as_("root", "admin"))) == 6


def test_list_of_the_official_cli_has_inputs_within_its_window() -> None:
    ada = Client()
    create(ada)
    ada.world.clock.advance(timedelta(hours=25).total_seconds())
    job_id = create(ada, PROMPT | IMAGES, EDIT)
    now = ada.world.clock()

    (item,) = listed(
        ada,
        page=1,
        page_size=20,
        created_after=(now - timedelta(hours=24)).isoformat().replace("+00:00", "Z"),
        created_before=(now + timedelta(seconds=1)).isoformat(),
        include_inputs=True,
    )

    assert (item["id"], item["model"], item["status"]) == (job_id, EDIT_MODEL, "created")
    assert item["inputs"] == PROMPT | DEFAULTS | IMAGES
    assert len(listed(ada, created_before="2026-11-23")) == 1
    assert "inputs" not in listed(ada)[0]


@pytest.mark.parametrize(
    ("status", "count"),
    [("created", 1), ("pending", 1), ("processing", 1), ("completed", 1), ("failed", 1),
     ("cancelled", 1), ("timeout", 0)],
)  # fmt: skip
def test_list_is_filtered_by_the_providers_statuses(status: str, count: int) -> None:
    ada = Client()
    ada.world.provider.submissions = [Accepted("one"), Accepted("two")]
    job_ids = [create(ada, {"prompt": str(number)}) for number in range(5)]
    submit_job(ada.world, job_ids[1])
    complete_job(ada.world, job_ids[2])
    ada.world.app.end_job.fail(job_ids[3], Code.INTERNAL_ERROR)
    ada.delete(f"{V1_JOBS}/{job_ids[4]}")

    assert len(listed(ada, status=status)) == count
    assert len(listed(ada, model=TEXT_TO_IMAGE_MODEL, status=status)) == count
    assert listed(ada, model=EDIT_MODEL, status=status) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"page": 0}, "page"),
        ({"page": 51}, "page"),
        ({"page_size": 101}, "page_size"),
        ({"status": "done"}, "status"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"created_before": "9999-12-31T23:59:59-12:00"}, "created_before"),
        ({"created_before": 1e300}, "created_before"),
    ],
)
def test_list_that_is_not_possible_names_its_field(query: dict[str, Any], field: str) -> None:
    assert f"`{field}`" in error_message(Client().post(f"{V3}/predictions", query), 400)


def test_list_of_long_inputs_stays_below_the_limit_of_a_response() -> None:
    ada = Client()
    for number in range(80):
        create(ada, {"prompt": f"{number} {'x' * 31_000}"})

    items = listed(ada, page_size=100, include_inputs=True)

    assert len(items) == 80
    assert "inputs" in items[0]
    assert "inputs" not in items[-1]


@pytest.mark.parametrize("how", ["one", "many"])
def test_deleted_prediction_is_hidden_and_its_record_is_kept(how: str) -> None:
    ada = Client()
    kept, job_id = create(ada), create(ada)
    complete_job(ada.world, job_id)

    if how == "one":
        deletion = data(ada.delete(f"{V3}/predictions/{job_id}"))
        assert deletion == {"id": job_id, "status": "deleted"}
    else:
        ids = [job_id, job_id, "unknown", create(ada.as_("bob"))]
        assert data(ada.post(f"{V3}/predictions/delete", {"ids": ids})) == {"deleted_count": 1}

    assert [item["id"] for item in listed(ada)] == [kept]
    assert [job["job_id"] for job in ada.get(V1_JOBS).json["jobs"]] == [kept]
    error_message(ada.get(f"{V3}/predictions/{job_id}/result"), 404)
    error_message(ada.delete(f"{V3}/predictions/{job_id}"), 404)
    assert ada.get(f"{V1_JOBS}/{job_id}").json["status"] == "completed"


def test_deletion_of_a_queued_prediction_cancels_it_free_of_charge() -> None:
    ada = Client()
    job_id = create(ada)

    data(ada.delete(f"{V3}/predictions/{job_id}"))

    job = ada.world.job(job_id)
    assert (job.status, job.code, job.charge) == (Status.FAILED, Code.CANCELED, "no")


def test_deleted_job_under_way_still_ends_and_stores_its_output() -> None:
    ada = Client()
    job_id = create(ada)
    submit_job(ada.world, job_id)

    data(ada.delete(f"{V3}/predictions/{job_id}"))
    complete_job(ada.world, job_id)

    job = ada.world.job(job_id)
    assert (job.code, job.charge, len(job.assets)) == (Code.CANCELED, "yes", 1)


@pytest.mark.parametrize("body", [{}, {"ids": "x"}, {"ids": ["x"] * 101}, {"ids": [1]}, []])
def test_invalid_deletion_is_refused(body: Any) -> None:
    assert error_message(Client().post(f"{V3}/predictions/delete", body), 400)


def test_read_key_can_list_but_not_delete_or_upload() -> None:
    ada = Client()
    job_id = create(ada)
    reader = ada.as_("ada", "read")

    assert len(listed(reader)) == 1
    error_message(reader.delete(f"{V3}/predictions/{job_id}"), 403)
    error_message(reader.post(f"{V3}/predictions/delete", {"ids": [job_id]}), 403)
    error_message(send_form(reader, form()), 403)
    assert len(listed(reader)) == 1
