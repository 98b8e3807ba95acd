"""Error responses over HTTP: RFC 9457 problems with one error per invalid field."""

import json
from typing import Any

import pytest

from darkroom.api.schemas import MAX_BODY_BYTES
from darkroom.domain.errors import MAX_PROBLEMS
from darkroom.domain.references import S3Object
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import V1_JOBS, Client, Response, capture_logs, complete_job

SECRET = "sesame-4711"
MODEL = "/api/v3/openai/gpt-image-2/text-to-image"
DEEP = 5000
INVALID_JSON = [
    "", " ", "{", "prompt", "{'a': 1}", '{"a": 1,}', "[1", "\x00", "\ufeff", "1" * DEEP,
    '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', b"\xff\xfe", b'{"a": "\xc3"}',
]  # fmt: skip
NOT_OBJECTS = [
    "[]", "null", "1", '"prompt"', "true", "[{}]", '"\ud800"', r'"\ud800"', "[" * DEEP + "]" * DEEP,
    "[" * 100_000, '{"a":' * DEEP + "1" + "}" * DEEP,
]  # fmt: skip


def nested(depth: int) -> dict[str, Any]:
    return {"model": "a/b", "input": json.loads('{"a":' * depth + "1" + "}" * depth)}


def kind(response: Response) -> tuple[int, str]:
    return response.status, response.json["type"].removeprefix("urn:darkroom:problem:")


def test_problem_has_type_title_status_and_detail() -> None:
    response = Client().post(V1_JOBS, {"operation": "text-to-image"})

    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json == {
        "type": "urn:darkroom:problem:invalid-request",
        "title": "Invalid request",
        "status": 400,
        "detail": "`prompt` is missing.",
        "errors": [{"field": "prompt", "message": "`prompt` is missing.", "allowed": "required"}],
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", V1_JOBS, TEXT_TO_IMAGE),
        ("POST", "/v1/uploads", {"size": 1}),
        ("POST", "/v1/batches", {"source": "upload:x"}),
        ("POST", "/v1/keys", {"name": "x"}),
        ("PUT", "/v1/presets", {"version": 1}),
    ],
)
def test_number_of_errors_is_limited(method: str, path: str, body: dict[str, Any]) -> None:
    unknown = {f"field{number}": 1 for number in range(1000)}

    response = Client(role="admin").send(method, path, body=json.dumps(body | unknown))

    assert response.status == 400
    assert len(response.json["errors"]) == MAX_PROBLEMS


@pytest.mark.parametrize("path", [V1_JOBS, "/v1/estimates", "/v1/uploads", MODEL])
@pytest.mark.parametrize("body", INVALID_JSON, ids=lambda body: repr(body[:12]))
def test_invalid_json_returns_400(path: str, body: str | bytes) -> None:
    response = Client().send("POST", path, body=body)

    assert response.status == 400
    assert "The body is not valid JSON" in response.text


@pytest.mark.parametrize("path", [V1_JOBS, "/v1/estimates", "/v1/uploads", MODEL])
@pytest.mark.parametrize("body", NOT_OBJECTS, ids=lambda body: ascii(body[:12]))
def test_json_that_is_not_an_object_returns_400(path: str, body: str) -> None:
    assert Client().send("POST", path, body=body).status == 400


@pytest.mark.parametrize("depth", [50, 150, 199, 240, 253, 260, 900])
def test_deeply_nested_input_is_refused_or_can_be_read_back(depth: int) -> None:
    ada = Client()

    response = ada.post(V1_JOBS, nested(depth))

    assert response.status == (202 if ada.world.jobs.records else 400)
    for job_id in ada.world.jobs.records:
        assert ada.get(f"{V1_JOBS}/{job_id}").status == 200
        assert ada.get(V1_JOBS).status == 200
    assert ada.world.jobs.records or depth > 50


@pytest.mark.parametrize("path", [V1_JOBS, MODEL])
@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data; boundary=x", "application/xml", "text/html", "application/jso", "json",
     "application/json; charset=latin1", 'application/json; charset="UTF-16"'],
)  # fmt: skip
def test_other_content_type_returns_415(path: str, kind: str) -> None:
    response = Client().send("POST", path, body="{}", headers={"Content-Type": kind})

    assert response.status == 415
    assert "application/json" in response.text


@pytest.mark.parametrize(
    "kind",
    ["application/json", 'Application/JSON;charset="UTF-8"', "application/vnd.api+json",
     "application/json; charset=utf8", "application/json;", "application/json; ;", "text/json",
     "application/json; version=1; charset='utf-8'", "application/x-json", "", " ",
     "application/json; charset=us-ascii", "application/json; profile=\"charset=latin1\"",
     "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "application/octet-stream"],
)  # fmt: skip
def test_json_is_accepted_with_any_content_type_that_programs_send_for_it(kind: str) -> None:
    body = json.dumps(TEXT_TO_IMAGE)

    assert Client().send("POST", V1_JOBS, body=body, headers={"cOnTeNt-TyPe": kind}).status == 202


def test_json_is_accepted_without_a_content_type() -> None:
    ada = Client()
    event = ada.event("POST", V1_JOBS, body=json.dumps(TEXT_TO_IMAGE))
    del event["headers"]["Content-Type"]

    assert ada.resolve(event).status == 202


@pytest.mark.parametrize("as_bytes", [False, True])
def test_byte_order_mark_is_ignored(as_bytes: bool) -> None:
    text = "\ufeff" + json.dumps(TEXT_TO_IMAGE)

    response = Client().send("POST", V1_JOBS, body=text.encode() if as_bytes else text)

    assert response.status == 202


@pytest.mark.parametrize("path", [V1_JOBS, MODEL])
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_compressed_body_returns_415_with_its_encoding(path: str, encoding: str) -> None:
    response = Client().send("POST", path, body="{}", headers={"Content-Encoding": encoding})

    assert response.status == 415
    assert f"Content-Encoding: {encoding}. Send it uncompressed." in response.text


def test_identity_is_no_compression() -> None:
    body = json.dumps(TEXT_TO_IMAGE)

    response = Client().send("POST", V1_JOBS, body=body, headers={"Content-Encoding": "identity"})

    assert response.status == 202


def test_replaced_character_is_refused_with_its_reason() -> None:
    """API Gateway replaces each invalid byte with U+FFFD; a mangled prompt would be charged."""
    ada = Client()

    response = ada.send(
        "POST", V1_JOBS, body=json.dumps(TEXT_TO_IMAGE).replace("fog", "br\ufffdlée")
    )

    assert response.status == 400
    [error] = response.json["errors"]
    assert error["message"] == (
        "The body is not valid UTF-8, or contains the character U+FFFD, which replaces invalid"
        " bytes. Send JSON in UTF-8. Write a U+FFFD that is meant as \\ufffd."
    )
    assert ada.world.jobs.records == {}


@pytest.mark.parametrize(
    "body",
    [json.dumps(TEXT_TO_IMAGE | {"prompt": "\ufffd"}),
     json.dumps(TEXT_TO_IMAGE | {"prompt": "\ufffd"}, ensure_ascii=False).encode()],
)  # fmt: skip
def test_replacement_character_that_is_meant_is_accepted(body: str | bytes) -> None:
    response = Client().send("POST", V1_JOBS, body=body)

    assert response.json["input"]["prompt"] == "\ufffd"


def test_base64_body_is_decoded() -> None:
    ada = Client()
    text = json.dumps(TEXT_TO_IMAGE | {"prompt": "Ein Leuchtturm, größer"}, ensure_ascii=False)

    response = ada.send("POST", V1_JOBS, body=text.encode())

    assert response.json["input"]["prompt"] == "Ein Leuchtturm, größer"


@pytest.mark.parametrize("body", ["é", "a", "!", "====", "\ud800"])
def test_invalid_base64_body_returns_400(body: str) -> None:
    ada = Client()
    event = ada.event("POST", V1_JOBS, body=body) | {"isBase64Encoded": True}

    assert ada.resolve(event).status == 400


@pytest.mark.parametrize("as_bytes", [False, True])
def test_body_over_5_mb_returns_413_with_a_hint_at_uploads(as_bytes: bool) -> None:
    def sized(size: int) -> str | bytes:
        text = json.dumps("x" * (size - 2))
        return text.encode() if as_bytes else text

    assert kind(Client().send("POST", V1_JOBS, body=sized(MAX_BODY_BYTES)))[0] == 400
    response = Client().send("POST", V1_JOBS, body=sized(MAX_BODY_BYTES + 1))
    assert kind(response) == (413, "too-large")
    assert "POST /v1/uploads" in response.json["detail"]


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
def test_header_names_are_case_insensitive(name: str) -> None:
    response = Client().post(V1_JOBS, TEXT_TO_IMAGE, **{name: "k1"})

    assert response.json["idempotency_key"] == "k1"


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 257, "a\n", "\x7f", "\ud800"])
def test_idempotency_key_must_be_ascii_without_spaces(key: str) -> None:
    response = Client().post(V1_JOBS, TEXT_TO_IMAGE, Idempotency_Key=key)

    assert (response.status, response.fields) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize(("method", "path"), [
    ("POST", V1_JOBS), ("POST", "/v1/uploads"), ("DELETE", f"{V1_JOBS}/{'a' * 26}"),
])  # fmt: skip
def test_read_key_gets_403_for_changes(method: str, path: str) -> None:
    response = Client(role="read").send(method, path, body=json.dumps(TEXT_TO_IMAGE))

    assert kind(response) == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("GET", "/v1"), ("PUT", V1_JOBS), ("PATCH", V1_JOBS),
     ("GET", "/v2/jobs"), ("POST", f"{V1_JOBS}/x/y"), ("GET", f"{V1_JOBS}/{'a' * 25}"),
     ("GET", f"{V1_JOBS}/../x"), ("GET", f"{V1_JOBS}/{'A' * 26}"),
     ("DELETE", f"{V1_JOBS}/{'a' * 26}")],
)  # fmt: skip
def test_unknown_route_or_job_returns_404(method: str, path: str) -> None:
    assert kind(Client().send(method, path)) == (404, "not-found")


@pytest.mark.parametrize("path", [f"{V1_JOBS}/{'a' * 26}", "/v1/presets"])
def test_unknown_parameter_returns_400(path: str) -> None:
    response = Client().get(path, verbose="1")

    assert (response.status, response.fields) == (400, ["verbose"])


class BrokenJobs(InMemoryJobs):
    """A table whose errors contain a secret."""

    def get(self, job_id: str) -> None:
        raise ValueError(SECRET)


@pytest.mark.parametrize("path", [f"{V1_JOBS}/{'a' * 26}", f"/api/v3/predictions/{'a' * 26}"])
def test_exception_returns_500_without_its_message(path: str) -> None:
    ada = Client(World(jobs=BrokenJobs()))

    with capture_logs() as stream:
        response = ada.get(path)

    assert response.status == 500
    assert "Darkroom failed internally" in response.text
    log_line = json.loads(stream.getvalue().splitlines()[0])
    assert (log_line["message"], log_line["error"]) == ("crashed", "ValueError")
    assert SECRET not in response.text + stream.getvalue()


def test_logs_contain_no_prompt_key_reference_or_url() -> None:
    secrets = ["dk_sesame", "lighthouse", "photo-4711", "X-Amz", "cG5n", "order-4711"]
    ada = Client()
    headers = {"Authorization": "Bearer dk_sesame", "Idempotency_Key": "order-4711"}
    edit = {"operation": "edit", "prompt": "a lighthouse"}
    url = ada.world.references.presign(S3Object(bucket="b", key="photo-4711.png"), 60)

    with capture_logs() as stream:
        job = ada.accept_job(TEXT_TO_IMAGE, **headers)
        complete_job(ada.world, job.job_id)
        assert "X-Amz" in ada.get(f"{V1_JOBS}/{job.job_id}", headers).text
        ada.get(V1_JOBS, headers, cursor="photo-4711")
        ada.post(V1_JOBS, edit | {"images": ["data:image/png;base64,cG5n"]})
        ada.post(V1_JOBS, edit | {"images": [url]})
        ada.post(V1_JOBS, edit | {"lighthouse": "lighthouse"})
        ada.post(MODEL, edit)
        ada.get("/lighthouse")
        ada.get(f"{V1_JOBS}/lighthouse")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    request_lines = [line for line in lines if line["message"] == "api"]
    assert len(request_lines) == 9
    assert all(
        {"method", "route", "status", "caller", "seconds"} <= line.keys() for line in request_lines
    )
    assert [secret for secret in secrets if secret in stream.getvalue()] == []
