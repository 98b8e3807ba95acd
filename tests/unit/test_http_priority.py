"""Priority of a job over HTTP."""

from typing import Any

import pytest

from darkroom.domain.submit_queue import Priority
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client, error_message

MODEL = "openai/gpt-image-2/text-to-image"
BODIES: list[dict[str, Any]] = [
    TEXT_TO_IMAGE,
    {"operation": "edit", "prompt": "x", "images": ["https://a.test/b.png"]},
    {"model": MODEL, "input": {"prompt": "x"}},
    {"model": "maker/other", "input": {"prompt": "x"}},
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body.get("model", "ours")))
@pytest.mark.parametrize("priority", Priority)
def test_job_has_the_priority_of_its_request(body: dict[str, Any], priority: Priority) -> None:
    ada = Client()

    payload = ada.post(V1_JOBS, body | {"priority": priority}).json

    assert payload["priority"] == priority
    assert ada.get(f"{V1_JOBS}/{payload['job_id']}").json["priority"] == priority
    assert ada.world.job(payload["job_id"]).priority is priority
    assert "priority" not in payload["input"]


@pytest.mark.parametrize("priority", ["", "slow", "BATCH", 1, True, ["low"], {}])
def test_invalid_priority_returns_400(priority: object) -> None:
    ada = Client()

    response = ada.post(V1_JOBS, TEXT_TO_IMAGE | {"priority": priority})

    assert (response.status, response.fields) == (400, ["priority"])
    assert response.json["errors"][0]["allowed"] == "'normal' or 'low'"
    assert ada.world.jobs.records == {}


@pytest.mark.parametrize(("api", "field"), [("v1", "input.priority"), ("wavespeed", "priority")])
def test_priority_in_the_input_of_gpt_image_2_is_refused(api: str, field: str) -> None:
    ada = Client()
    model_input = {"prompt": "x", "priority": "low"}

    if api == "v1":
        response = ada.post(V1_JOBS, {"model": MODEL, "input": model_input})
        assert (response.status, response.fields) == (400, [field])
    else:
        assert error_message(ada.post(f"/api/v3/{MODEL}", model_input), 400).startswith(
            f"`{field}` "
        )
    assert ada.world.jobs.records == {}


def test_priority_field_of_another_model_is_passed_on() -> None:
    ada = Client()

    job_id = ada.post("/api/v3/maker/other", {"priority": "left"}).json["data"]["id"]

    job = ada.world.job(job_id)
    assert (job.priority, job.input) == (Priority.NORMAL, {"priority": "left"})
