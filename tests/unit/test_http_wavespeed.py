"""The WaveSpeed-compatible API: envelopes, statuses and messages that the WaveSpeed SDKs read."""

from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.ports import Refused
from tests.unit.http import HOST, STAGE, V1_JOBS, Client, complete_job, error_message, submit_job

T2I = "/api/v3/openai/gpt-image-2/text-to-image"
EDIT = "/api/v3/openai/gpt-image-2/edit"
INPUT = {"prompt": "a lighthouse in fog"}
MODERATION_MESSAGE = "Content flagged as potentially sensitive."


def result(client: Client, job_id: str) -> dict[str, Any]:
    """Assert that both result paths return the same response; return its data."""
    path = f"/api/v3/predictions/{job_id}"
    result_response, prediction_response = client.get(f"{path}/result"), client.get(path)
    assert (result_response.status, result_response.text) == (
        prediction_response.status,
        prediction_response.text,
    )
    envelope = result_response.json
    assert (envelope["code"], envelope["message"]) == (200, "success")
    data: dict[str, Any] = envelope["data"]
    return data


def test_submit_returns_a_prediction_with_the_job_id() -> None:
    ada = Client()

    response = ada.post(T2I, INPUT)

    data = response.json["data"]
    assert (response.status, response.json["code"], response.json["message"]) == (
        200,
        200,
        "success",
    )
    assert (data["model"], data["status"]) == ("openai/gpt-image-2/text-to-image", "created")
    assert (data["outputs"], data["error"]) == ([], "")
    path = f"/api/v3/predictions/{data['id']}/result"
    assert data["urls"]["get"] == f"https://{HOST}{STAGE}{path}"
    assert data["created_at"] == "2026-11-22T12:00:00Z"
    assert ada.get(f"{V1_JOBS}/{data['id']}").json["input"]["prompt"] == INPUT["prompt"]


@pytest.mark.parametrize("model", ["maker/model", "maker/model/v1.5/edit_fast", "a/b/c/d/e/f"])
def test_any_model_is_submitted_by_path_with_its_input_unchanged(model: str) -> None:
    ada = Client()

    payload = ada.post(f"/api/v3/{model}", {"steps": 5, "size": None}).json["data"]

    assert payload["model"] == model
    assert ada.world.job(payload["id"]).input == {"steps": 5, "size": None}


def test_both_api_formats_with_one_idempotency_key_return_one_job() -> None:
    ada = Client()
    job = ada.accept_job(Idempotency_Key="k1")

    assert ada.post(T2I, INPUT, Idempotency_Key="k1").json["data"]["id"] == job.job_id
    error_message(ada.post(T2I, {"prompt": "another"}, Idempotency_Key="k1"), 409)


def test_prediction_status_goes_from_created_to_completed_with_own_urls() -> None:
    ada = Client()
    job_id = ada.post(T2I, INPUT).json["data"]["id"]
    statuses = [result(ada, job_id)["status"]]
    ada.world.jobs.update(job_id, when=list(Status), status=Status.SUBMITTING)
    statuses.append(result(ada, job_id)["status"])
    ada.world.jobs.update(job_id, when=list(Status), status=Status.QUEUED)
    submit_job(ada.world, job_id)
    statuses.append(result(ada, job_id)["status"])
    ada.world.clock.advance(41.5)
    complete_job(ada.world, job_id)
    data = result(ada, job_id)

    assert [*statuses, data["status"]] == ["created", "created", "processing", "completed"]
    [url] = data["outputs"]
    assert url.startswith(f"https://assets.s3.test/jobs/{job_id}/0.png?")
    assert data["has_nsfw_contents"] == [False]
    assert data["executionTime"] == data["timings"]["inference"] == 41_500
    assert "code" not in data


@pytest.mark.parametrize(
    ("code", "detail", "wavespeed_code"),
    [
        (Code.MODERATED, MODERATION_MESSAGE, 1200),
        (Code.INVALID_REQUEST, "bad input", 1401),
        (Code.PROVIDER_FAILED, "task failed", 1405),
        (Code.INSUFFICIENT_CREDITS, "", 1407),
        (Code.UNAUTHORIZED, "", 5000),
        (Code.DEADLINE_EXCEEDED, "", 5004),
        (Code.INTERNAL_ERROR, "", 5000),
    ],
)
def test_failure_has_the_providers_code_and_message(
    code: Code, detail: str, wavespeed_code: int
) -> None:
    ada = Client()
    ada.world.provider.submissions = [Refused(code, detail)]
    job_id = ada.post(T2I, INPUT).json["data"]["id"]
    submit_job(ada.world, job_id)
    ada.world.app.end_job.fail(job_id, code)

    data = result(ada, job_id)

    assert (data["status"], data["code"], data["outputs"]) == ("failed", wavespeed_code, [])
    assert data["error"] == detail if detail else data["error"]


def test_canceled_job_has_status_cancelled_without_outputs() -> None:
    ada = Client()
    job_id = ada.post(T2I, INPUT).json["data"]["id"]
    submit_job(ada.world, job_id)
    ada.delete(f"{V1_JOBS}/{job_id}")
    complete_job(ada.world, job_id)

    data = result(ada, job_id)

    assert (data["status"], data["outputs"]) == ("cancelled", [])


@pytest.mark.parametrize("name", ["enable_sync_mode", "enable_base64_output"])
@pytest.mark.parametrize("path", [T2I, "/api/v3/maker/model"])
def test_unsupported_modes_may_be_false_but_not_true(path: str, name: str) -> None:
    ada = Client()

    payload = ada.post(path, INPUT | {name: False}).json["data"]
    message = error_message(ada.post(path, INPUT | {name: True}), 400)

    assert name not in ada.world.job(payload["id"]).input
    assert message.startswith(f"`{name}` ")


@pytest.mark.parametrize(
    "path",
    ["balance", "billings/search", "predictions/x/result", "account/balance", "models", "a b/c",
     "webhooks/secret", "model", "maker/", "/maker/model", "../v1/jobs", "maker//model", "é/x",
     f"a/{'x' * 200}", "Balance/x"],
)  # fmt: skip
def test_invalid_model_path_returns_404(path: str) -> None:
    assert error_message(Client().post(f"/api/v3/{path}", INPUT), 404)


def test_invalid_field_is_named_without_the_input_prefix() -> None:
    message = error_message(Client().post(T2I, {"prompt": "", "quality": "best"}), 400)

    assert "`prompt` is empty." in message
    assert "`quality` must be 'low', 'medium' or 'high'." in message
    assert "input." not in message


@pytest.mark.parametrize("path", [T2I, "/api/v3/media/uploads", "/api/v3/maker/model"])
def test_read_key_cannot_submit_or_upload(path: str) -> None:
    assert "read" in error_message(Client(role="read").post(path, INPUT), 403)
