"""The lane of a job over HTTP: whether somebody waits for it, or it goes after those."""

from typing import Any

import pytest

from darkroom.domain.submit_queue import Priority
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.http import V1_JOBS, Client, refused

MODEL = "openai/gpt-image-2/text-to-image"
BODIES: list[dict[str, Any]] = [
    TEXT_TO_IMAGE,
    {"operation": "edit", "prompt": "x", "images": ["https://a.test/b.png"]},
    {"model": MODEL, "input": {"prompt": "x"}},
    {"model": "maker/other", "input": {"prompt": "x"}},
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body.get("model", "ours")))
@pytest.mark.parametrize("priority", Priority)
def test_a_request_may_say_its_lane_and_the_job_shows_it(
    body: dict[str, Any], priority: Priority
) -> None:
    ada = Client()

    told = ada.post(V1_JOBS, body | {"priority": priority}).json

    assert told["priority"] == priority
    assert ada.get(f"{V1_JOBS}/{told['job_id']}").json["priority"] == priority
    assert ada.world.job(told["job_id"]).priority is priority
    assert "priority" not in told["input"]


@pytest.mark.parametrize("priority", [None, "normal"])
def test_somebody_waits_for_a_request_that_says_nothing_of_it(priority: str | None) -> None:
    assert (
        Client().post(V1_JOBS, TEXT_TO_IMAGE | {"priority": priority}).json["priority"] == "normal"
    )


@pytest.mark.parametrize("priority", ["", "slow", "BATCH", 1, True, ["low"], {}])
def test_there_are_no_other_lanes(priority: object) -> None:
    ada = Client()

    answer = ada.post(V1_JOBS, TEXT_TO_IMAGE | {"priority": priority})

    assert (answer.status, answer.fields) == (400, ["priority"])
    assert answer.json["errors"][0]["allowed"] == "'normal' or 'low'"
    assert ada.world.jobs.records == {}


@pytest.mark.parametrize(("listed", "field"), [("v1", "input.priority"), ("wire", "priority")])
def test_a_lane_inside_of_the_models_input_is_no_field_of_the_model(
    listed: str, field: str
) -> None:
    ada = Client()
    given = {"prompt": "x", "priority": "low"}

    if listed == "v1":
        answer = ada.post(V1_JOBS, {"model": MODEL, "input": given})
        assert (answer.status, answer.fields) == (400, [field])
    else:
        assert refused(ada.post(f"/api/v3/{MODEL}", given), 400).startswith(f"{field} ")
    assert ada.world.jobs.records == {}


def test_a_lane_of_another_models_own_is_the_models() -> None:
    ada = Client()

    job_id = ada.post("/api/v3/maker/other", {"priority": "left"}).json["data"]["id"]

    job = ada.world.job(job_id)
    assert (job.priority, job.input) == (Priority.NORMAL, {"priority": "left"})


def test_the_wire_format_has_no_lanes_and_somebody_waits_for_its_jobs() -> None:
    ada = Client()

    job_id = ada.post(f"/api/v3/{MODEL}", {"prompt": "x"}).json["data"]["id"]

    assert ada.get(f"{V1_JOBS}/{job_id}").json["priority"] == "normal"
