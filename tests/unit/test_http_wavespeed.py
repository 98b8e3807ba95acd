"""The provider's own wire format: the envelopes, statuses and words that its SDKs know."""

import base64
import json
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.ports import Failed, Refused
from tests.fakes.pictures import PNG
from tests.unit.http import HOST, STAGE, V1_JOBS, Client, finished, refused, submitted

T2I = "/api/v3/openai/gpt-image-2/text-to-image"
EDIT = "/api/v3/openai/gpt-image-2/edit"
INPUT = {"prompt": "a lighthouse in fog"}
WORDS = "Content flagged as potentially sensitive."


def result(client: Client, job_id: str) -> dict[str, Any]:
    """What both paths of a result say."""
    path = f"/api/v3/predictions/{job_id}"
    long, short = client.get(f"{path}/result"), client.get(path)
    assert (long.status, long.text) == (short.status, short.text)
    envelope = long.json
    assert (envelope["code"], envelope["message"]) == (200, "success")
    data: dict[str, Any] = envelope["data"]
    return data


def test_a_submit_answers_with_a_prediction_that_is_a_job() -> None:
    ada = Client()

    answer = ada.post(T2I, INPUT)

    data = answer.json["data"]
    assert (answer.status, answer.json["code"], answer.json["message"]) == (200, 200, "success")
    assert (data["model"], data["status"]) == ("openai/gpt-image-2/text-to-image", "created")
    assert (data["outputs"], data["error"]) == ([], "")
    path = f"/api/v3/predictions/{data['id']}/result"
    assert data["urls"]["get"] == f"https://{HOST}{STAGE}{path}"
    assert data["created_at"] == "2026-11-22T12:00:00Z"
    assert ada.get(f"{V1_JOBS}/{data['id']}").json["input"]["prompt"] == INPUT["prompt"]


@pytest.mark.parametrize("model", ["maker/model", "maker/model/v1.5/edit_fast", "a/b/c/d/e/f"])
def test_any_model_goes_by_its_path_with_its_input_as_it_is(model: str) -> None:
    ada = Client()

    told = ada.post(f"/api/v3/{model}", {"steps": 5, "size": None}).json["data"]

    assert told["model"] == model
    assert ada.world.job(told["id"]).input == {"steps": 5, "size": None}


def test_both_formats_of_one_request_with_one_key_are_one_job() -> None:
    ada = Client()
    job = ada.accepted(Idempotency_Key="k1")

    assert ada.post(T2I, INPUT, Idempotency_Key="k1").json["data"]["id"] == job.job_id
    refused(ada.post(T2I, {"prompt": "another"}, Idempotency_Key="k1"), 409)


def test_a_prediction_goes_from_created_to_completed_with_urls_of_our_own() -> None:
    ada = Client()
    job_id = ada.post(T2I, INPUT).json["data"]["id"]
    seen = [result(ada, job_id)["status"]]
    ada.world.jobs.update(job_id, when=list(Status), status=Status.SUBMITTING)
    seen.append(result(ada, job_id)["status"])
    ada.world.jobs.update(job_id, when=list(Status), status=Status.QUEUED)
    submitted(ada.world, job_id)
    seen.append(result(ada, job_id)["status"])
    ada.world.clock.advance(41.5)
    finished(ada.world, job_id)
    data = result(ada, job_id)

    assert [*seen, data["status"]] == ["created", "created", "processing", "completed"]
    [url] = data["outputs"]
    assert url.startswith(f"https://assets.s3.test/jobs/{job_id}/0.png?")
    assert data["has_nsfw_contents"] == [False]
    assert data["executionTime"] == data["timings"]["inference"] == 41_500
    assert "code" not in data


@pytest.mark.parametrize(
    ("code", "detail", "wire_code"),
    [
        (Code.MODERATED, WORDS, 1200),
        (Code.INVALID_REQUEST, "bad input", 1401),
        (Code.PROVIDER_FAILED, "task failed", 1405),
        (Code.INSUFFICIENT_CREDITS, "", 1407),
        (Code.UNAUTHORIZED, "", 5000),
        (Code.DEADLINE_EXCEEDED, "", 5004),
        (Code.INTERNAL_ERROR, "", 5000),
    ],
)
def test_a_failure_has_the_providers_code_and_words(
    code: Code, detail: str, wire_code: int
) -> None:
    ada = Client()
    ada.world.provider.submissions = [Refused(code, detail)]
    job_id = ada.post(T2I, INPUT).json["data"]["id"]
    submitted(ada.world, job_id)
    ada.world.end_job().fail(job_id, code)

    data = result(ada, job_id)

    assert (data["status"], data["code"], data["outputs"]) == ("failed", wire_code, [])
    assert data["error"] == detail if detail else data["error"]


def test_a_picture_that_moderation_refused_at_the_end_says_so_in_the_same_words() -> None:
    ada = Client()
    ada.world.provider.predictions = [Failed(Code.MODERATED, WORDS)]
    job_id = ada.post(T2I, INPUT).json["data"]["id"]
    step = ada.world.check_job()(submitted(ada.world, job_id))
    ada.world.end_job().fail(job_id, step.code or Code.INTERNAL_ERROR)

    data = result(ada, job_id)

    assert (data["status"], data["code"], data["error"]) == ("failed", 1200, WORDS)


def test_a_canceled_job_is_cancelled_and_shows_no_outputs() -> None:
    ada = Client()
    job_id = ada.post(T2I, INPUT).json["data"]["id"]
    submitted(ada.world, job_id)
    ada.delete(f"{V1_JOBS}/{job_id}")
    finished(ada.world, job_id)

    data = result(ada, job_id)

    assert (data["status"], data["outputs"]) == ("cancelled", [])


@pytest.mark.parametrize("name", ["enable_sync_mode", "enable_base64_output"])
@pytest.mark.parametrize("path", [T2I, "/api/v3/maker/model"])
def test_the_modes_that_are_not_here_may_be_declined_and_not_asked_for(
    path: str, name: str
) -> None:
    ada = Client()

    told = ada.post(path, INPUT | {name: False}).json["data"]
    message = refused(ada.post(path, INPUT | {name: True}), 400)

    assert name not in ada.world.job(told["id"]).input
    assert message.startswith(f"{name} ")


@pytest.mark.parametrize("url", ["https://hooks.test/x", ""])
def test_a_webhook_is_refused_before_anything_is_made(url: str) -> None:
    ada = Client()

    answer = ada.send("POST", T2I, body=json.dumps(INPUT), query={"webhook": url})

    assert "webhook" in refused(answer, 400)
    assert ada.world.jobs.records == {}


@pytest.mark.parametrize(
    "path",
    ["balance", "predictions", "predictions/x/result", "media/upload/binary", "models", "a b/c",
     "webhooks/secret", "model", "maker/", "/maker/model", "../v1/jobs", "maker//model", "é/x",
     f"a/{'x' * 200}", "Balance/x"],
)  # fmt: skip
def test_what_is_no_model_is_not_found(path: str) -> None:
    assert refused(Client().post(f"/api/v3/{path}", INPUT), 404)


@pytest.mark.parametrize("path", ["/api/v3/models", "/api/v3/", "/api/v3/predictions/x/y"])
def test_a_get_of_what_is_not_there_is_an_envelope(path: str) -> None:
    refused(Client().get(path), 404)


def test_a_bad_field_is_named_as_the_model_calls_it() -> None:
    message = refused(Client().post(T2I, {"prompt": "", "quality": "best"}), 400)

    assert "prompt is empty" in message
    assert "quality is not one of the values" in message
    assert "input." not in message


@pytest.mark.parametrize("path", [T2I, "/api/v3/media/uploads", "/api/v3/maker/model"])
def test_a_key_for_reading_submits_and_uploads_nothing(path: str) -> None:
    assert "read" in refused(Client(role="read").post(path, INPUT), 403)


def test_bytes_and_urls_are_references_too() -> None:
    ada = Client()
    images = [base64.b64encode(PNG).decode(), "https://a.test/b.png"]

    job_id = ada.post(EDIT, INPUT | {"images": images}).json["data"]["id"]

    assert len(ada.world.job(job_id).references) == 2
