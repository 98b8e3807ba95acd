"""Ownership: a caller can access only its own jobs; an admin can access all."""

from collections.abc import Callable

import pytest

from darkroom.domain.job import Status
from tests.fakes.world import TEXT_TO_IMAGE
from tests.unit.batches import create_all_jobs, upload_rows
from tests.unit.http import V1_JOBS, Client, Response

type SendRequest = Callable[[Client, str], Response]

# The requests for one job, with the status for a permitted caller.
REQUESTS: dict[str, tuple[SendRequest, int]] = {
    "get": (lambda client, job_id: client.get(f"{V1_JOBS}/{job_id}"), 200),
    "wait": (lambda client, job_id: client.get(f"{V1_JOBS}/{job_id}", wait=1), 200),
    "cancel": (lambda client, job_id: client.delete(f"{V1_JOBS}/{job_id}"), 200),
    "result": (lambda client, job_id: client.get(f"/api/v3/predictions/{job_id}/result"), 200),
    "prediction": (lambda client, job_id: client.get(f"/api/v3/predictions/{job_id}"), 200),
}


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize(
    ("name", "role", "is_allowed"),
    [("ada", "submit", True), ("boss", "admin", True), ("bob", "submit", False)],
)
def test_job_is_accessible_only_to_its_caller_and_admins(
    request_name: str, name: str, role: str, is_allowed: bool
) -> None:
    ada = Client()
    job_id = ada.accept_job().job_id
    send, status = REQUESTS[request_name]

    response = send(ada.as_(name, role), job_id)

    assert response.status == (status if is_allowed else 404)
    if not is_allowed:  # the response for a missing job is identical
        missing = send(ada.as_(name, role), "a" * 26)
        assert (missing.status, missing.text) == (response.status, response.text)
        assert ada.world.job(job_id).status is Status.QUEUED


def test_keys_with_one_name_are_one_caller() -> None:
    ada = Client()
    job_id = ada.accept_job().job_id

    assert ada.as_("ada", role="read").get(f"{V1_JOBS}/{job_id}").status == 200


def test_key_cannot_access_an_event_caller_of_the_same_name() -> None:
    ada = Client(name="tests")
    by_event = ada.world.accept_job().job_id

    assert ada.get(f"{V1_JOBS}/{by_event}").status == 404
    assert ada.get(V1_JOBS).json["jobs"] == []


def test_jobs_and_rows_carry_the_key_that_requested_them() -> None:
    ada = Client(key_id="feedfacecafe")
    source = upload_rows(ada.world, [TEXT_TO_IMAGE, TEXT_TO_IMAGE], "key:ada")
    response = ada.post("/v1/batches", {"source": source})
    batch = ada.world.batches.records[response.json["batch_id"]]
    create_all_jobs(ada.world, batch)
    job = ada.accept_job()
    compatible = ada.post("/api/v3/openai/gpt-image-2/text-to-image", {"prompt": "x"})

    records = ada.world.jobs.records.values()
    assert batch.key_id == "feedfacecafe"
    assert [record.key_id for record in records] == ["feedfacecafe"] * 4
    assert "feedfacecafe" not in ada.get(f"{V1_JOBS}/{job.job_id}").text
    assert compatible.status == 200
