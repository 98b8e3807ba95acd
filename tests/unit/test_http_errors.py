"""What is refused over HTTP, and in which words: RFC 9457 problems, one entry a bad field."""

import json
from typing import Any

import pytest

from darkroom.domain.references import S3Object
from darkroom.web.contract import MAX_BODY_BYTES
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import V1_JOBS, Answer, Client, finished, logged

SECRET = "sesame-4711"
MODEL = "/api/v3/openai/gpt-image-2/text-to-image"
DEEP = 5000
NO_JSON = [
    "", " ", "{", "prompt", "{'a': 1}", '{"a": 1,}', "[1", "\x00", "\ufeff{}", "1" * DEEP,
    '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', b"\xff\xfe", b'{"a": "\xc3"}',
]  # fmt: skip
NO_OBJECTS = [
    "[]", "null", "1", '"prompt"', "true", "[{}]", '"\ud800"', r'"\ud800"', "[" * DEEP + "]" * DEEP,
    "[" * 100_000, '{"a":' * DEEP + "1" + "}" * DEEP,
]  # fmt: skip
SURROGATES = [
    {**TEXT_TO_IMAGE, "prompt": "\ud800"},
    {**TEXT_TO_IMAGE, "\ud800": 1},
    {"operation": "edit", "prompt": "x", "images": ["https://a.test/\udfff"]},
    {"operation": "\ud800", "prompt": "x"},
    {"model": "a/b", "input": {"\ud800": 1}},
    {"model": "a/b\ud800", "input": {}},
]


def nested(depth: int) -> dict[str, Any]:
    return {"model": "a/b", "input": json.loads('{"a":' * depth + "1" + "}" * depth)}


def kind(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["type"].removeprefix("urn:darkroom:problem:")


def test_a_problem_has_a_type_a_title_a_status_and_a_sentence() -> None:
    answer = Client().post(V1_JOBS, {"operation": "text-to-image"})

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "urn:darkroom:problem:invalid-request",
        "title": "Invalid request",
        "status": 400,
        "detail": "prompt is missing (allowed: required)",
        "errors": [{"field": "prompt", "message": "is missing", "allowed": "required"}],
    }


def test_every_bad_field_has_an_entry() -> None:
    body = {"operation": "edit", "prompt": " ", "images": "x", "quality": "best", "size": "1x1"}

    answer = Client().post(V1_JOBS, body)

    assert kind(answer) == (400, "invalid-request")
    assert sorted(answer.fields) == ["images", "prompt", "quality", "size"]
    assert all(each["message"] and each["allowed"] for each in answer.json["errors"])


@pytest.mark.parametrize("path", [V1_JOBS, "/v1/estimates", "/v1/uploads", MODEL])
@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: repr(body[:12]))
def test_what_is_no_json_is_refused(path: str, body: str | bytes) -> None:
    answer = Client().send("POST", path, body=body)

    assert answer.status == 400
    assert "the body is not valid JSON" in answer.text


@pytest.mark.parametrize("path", [V1_JOBS, "/v1/estimates", "/v1/uploads", MODEL])
@pytest.mark.parametrize("body", NO_OBJECTS, ids=lambda body: ascii(body[:12]))
def test_json_that_is_no_request_is_refused(path: str, body: str) -> None:
    assert Client().send("POST", path, body=body).status == 400


@pytest.mark.parametrize("body", SURROGATES, ids=ascii)
def test_half_a_character_is_no_text(body: dict[str, Any]) -> None:
    assert kind(Client().post(V1_JOBS, body)) == (400, "invalid-request")


@pytest.mark.parametrize("depth", [50, 150, 199, 240, 253, 260, 900])
def test_a_deep_input_is_refused_or_can_be_shown_again(depth: int) -> None:
    ada = Client()

    answer = ada.post(V1_JOBS, nested(depth))

    assert answer.status == (202 if ada.world.jobs.records else 400)
    for job_id in ada.world.jobs.records:
        assert ada.get(f"{V1_JOBS}/{job_id}").status == 200
        assert ada.get(V1_JOBS).status == 200
    assert ada.world.jobs.records or depth > 50


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data", "json", "application/jso"]
)
def test_a_body_that_does_not_say_it_is_json_is_not_read(kind: str) -> None:
    answer = Client().send("POST", V1_JOBS, body="{}", headers={"Content-Type": kind})

    assert (answer.status, answer.json["type"]) == (
        415, "urn:darkroom:problem:unsupported-media-type",
    )  # fmt: skip
    assert "application/json" in answer.json["detail"]


@pytest.mark.parametrize(
    "kind", ["application/json", "APPLICATION/JSON; charset=utf-8", "application/vnd.api+json"]
)
def test_json_may_be_called_json_in_any_of_its_ways(kind: str) -> None:
    body = json.dumps(TEXT_TO_IMAGE)

    assert Client().send("POST", V1_JOBS, body=body, headers={"cOnTeNt-TyPe": kind}).status == 202


def test_a_request_without_a_body_is_told_to_send_json() -> None:
    assert kind(Client().send("POST", V1_JOBS)) == (415, "unsupported-media-type")


def test_a_body_that_arrives_as_base64_is_the_same_body() -> None:
    ada = Client()
    text = json.dumps(TEXT_TO_IMAGE | {"prompt": "Ein Leuchtturm, größer"}, ensure_ascii=False)

    answer = ada.send("POST", V1_JOBS, body=text.encode())

    assert answer.json["input"]["prompt"] == "Ein Leuchtturm, größer"


@pytest.mark.parametrize("body", ["é", "a", "!", "====", "\ud800"])
def test_base64_that_is_none_is_no_json(body: str) -> None:
    ada = Client()
    event = ada.event("POST", V1_JOBS, body=body) | {"isBase64Encoded": True}

    assert ada.resolve(event).status == 400


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_body_of_more_than_5_mb_is_told_of_uploads(as_bytes: bool) -> None:
    def sized(size: int) -> str | bytes:
        text = json.dumps("x" * (size - 2))
        return text.encode() if as_bytes else text

    assert kind(Client().send("POST", V1_JOBS, body=sized(MAX_BODY_BYTES)))[0] == 400
    answer = Client().send("POST", V1_JOBS, body=sized(MAX_BODY_BYTES + 1))
    assert kind(answer) == (413, "too-large")
    assert "POST /v1/uploads" in answer.json["detail"]


@pytest.mark.parametrize("name", ["Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"])
def test_a_headers_name_may_have_any_case(name: str) -> None:
    answer = Client().post(V1_JOBS, TEXT_TO_IMAGE, **{name: "k1"})

    assert answer.json["idempotency_key"] == "k1"


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 257, "a\n", "\x7f", "\ud800"])
def test_an_idempotency_key_is_ascii_without_spaces(key: str) -> None:
    answer = Client().post(V1_JOBS, TEXT_TO_IMAGE, Idempotency_Key=key)

    assert (answer.status, answer.fields) == (400, ["Idempotency-Key"])


@pytest.mark.parametrize(("method", "path"), [
    ("POST", V1_JOBS), ("POST", "/v1/uploads"), ("DELETE", f"{V1_JOBS}/{'a' * 26}"),
])  # fmt: skip
def test_a_key_for_reading_changes_nothing(method: str, path: str) -> None:
    answer = Client(role="read").send(method, path, body=json.dumps(TEXT_TO_IMAGE))

    assert kind(answer) == (403, "forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("GET", "/v1"), ("PUT", V1_JOBS), ("PATCH", f"{V1_JOBS}/x"),
     ("GET", "/v2/jobs"), ("POST", f"{V1_JOBS}/x/y"), ("GET", f"{V1_JOBS}/{'a' * 25}"),
     ("GET", f"{V1_JOBS}/../x"), ("GET", f"{V1_JOBS}/{'A' * 26}"),
     ("DELETE", f"{V1_JOBS}/{'a' * 26}")],
)  # fmt: skip
def test_what_is_not_there_is_a_problem_too(method: str, path: str) -> None:
    assert kind(Client().send(method, path)) == (404, "not-found")


@pytest.mark.parametrize("path", [f"{V1_JOBS}/{'a' * 26}", "/v1/presets"])
def test_a_parameter_that_a_route_does_not_have_is_refused(path: str) -> None:
    answer = Client().get(path, verbose="1")

    assert (answer.status, answer.fields) == (400, ["verbose"])


class BrokenJobs(InMemoryJobs):
    """The table, in trouble that quotes what it was asked."""

    def get(self, job_id: str) -> None:
        raise ValueError(SECRET)


@pytest.mark.parametrize("path", [f"{V1_JOBS}/{'a' * 26}", f"/api/v3/predictions/{'a' * 26}"])
def test_a_crash_is_told_without_any_of_its_words(path: str) -> None:
    ada = Client(World(jobs=BrokenJobs()))

    with logged() as stream:
        answer = ada.get(path)

    assert answer.status == 500
    assert "Darkroom itself failed" in answer.text
    crashed = json.loads(stream.getvalue().splitlines()[0])
    assert (crashed["message"], crashed["error"]) == ("crashed", "ValueError")
    assert SECRET not in answer.text + stream.getvalue()


def test_no_log_line_quotes_a_prompt_a_key_a_reference_or_a_url() -> None:
    words = ["dk_sesame", "lighthouse", "photo-4711", "X-Amz", "cG5n", "order-4711"]
    ada = Client()
    named = {"Authorization": "Bearer dk_sesame", "Idempotency_Key": "order-4711"}
    edit = {"operation": "edit", "prompt": "a lighthouse"}
    url = ada.world.references.presign(S3Object(bucket="b", key="photo-4711.png"), 60)

    with logged() as stream:
        job = ada.accepted(TEXT_TO_IMAGE, **named)
        finished(ada.world, job.job_id)
        assert "X-Amz" in ada.get(f"{V1_JOBS}/{job.job_id}", named).text
        ada.get(V1_JOBS, named, cursor="photo-4711")
        ada.post(V1_JOBS, edit | {"images": ["data:image/png;base64,cG5n"]})
        ada.post(V1_JOBS, edit | {"images": [url]})
        ada.post(V1_JOBS, edit | {"lighthouse": "lighthouse"})
        ada.post(MODEL, edit)
        ada.get("/lighthouse")
        ada.get(f"{V1_JOBS}/lighthouse")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [line for line in lines if line["message"] == "api"]
    assert len(told) == 9
    assert all({"method", "route", "status", "caller", "seconds"} <= line.keys() for line in told)
    assert [word for word in words if word in stream.getvalue()] == []
