"""Ownership: a caller can access only its own jobs and objects; an admin can access all."""

from collections.abc import Callable

import pytest

from darkroom.domain.job import Status
from tests.fakes.images import PNG
from tests.fakes.world import World
from tests.unit.http import V1_JOBS, Client, Response

type SendRequest = Callable[[Client, str], Response]

REFUSED = "Reference image 1 does not exist, or this caller may not read it."
# The requests for one job, with the status for a permitted caller.
REQUESTS: dict[str, tuple[SendRequest, int]] = {
    "get": (lambda client, job_id: client.get(f"{V1_JOBS}/{job_id}"), 200),
    "wait": (lambda client, job_id: client.get(f"{V1_JOBS}/{job_id}", wait=1), 200),
    "cancel": (lambda client, job_id: client.delete(f"{V1_JOBS}/{job_id}"), 200),
    "result": (lambda client, job_id: client.get(f"/api/v3/predictions/{job_id}/result"), 200),
    "prediction": (lambda client, job_id: client.get(f"/api/v3/predictions/{job_id}"), 200),
}
# Objects of Bob, in every form of a reference.
OUTPUT, UPLOAD, STORED_REFERENCE = "jobs/b/0.png", "uploads/b.png", "references/b/c.png"
IMAGE_REFERENCES = [
    f"s3://assets/{OUTPUT}",
    f"https://assets.s3.test/{OUTPUT}?X-Amz-Expires=3600",
    "https://assets.s3.test/jobs%2Fb/0%2Epng?X-Amz-Expires=3600",
    f"s3://assets/{UPLOAD}",
    "upload:b.png",
    f"https://assets.s3.test/{UPLOAD}?X-Amz-Expires=3600",
    f"s3://assets/{STORED_REFERENCE}",
]


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


def world_with_objects_of_bob() -> World:
    world = World()
    for key in (OUTPUT, UPLOAD, STORED_REFERENCE):
        world.references.objects["assets", key] = [PNG]
        world.references.owners[key] = "key:bob"
    return world


@pytest.mark.parametrize("image", IMAGE_REFERENCES)
@pytest.mark.parametrize(
    ("name", "role", "is_allowed"),
    [("bob", "submit", True), ("boss", "admin", True), ("ada", "submit", False)],
)
def test_assets_object_can_be_referenced_only_by_its_owner_and_admins(
    image: str, name: str, role: str, is_allowed: bool
) -> None:
    client = Client(world_with_objects_of_bob(), name, role)
    edit = {"prompt": "x", "images": [image]}

    v1_response = client.post(V1_JOBS, {"operation": "edit", **edit})
    wavespeed_response = client.post("/api/v3/openai/gpt-image-2/edit", edit)

    assert (v1_response.status, wavespeed_response.status) == (
        (202, 200) if is_allowed else (400, 400)
    )
    if not is_allowed:
        [problem] = v1_response.json["errors"]
        assert (problem["field"], problem["message"]) == ("images.0", REFUSED)
        assert REFUSED in wavespeed_response.json["message"]
        assert client.world.jobs.records == {}


def test_assets_object_without_an_owner_can_be_referenced_only_by_admins() -> None:
    ada = Client(world_with_objects_of_bob())
    ada.world.references.owners.clear()
    edit = {"operation": "edit", "prompt": "x", "images": [f"s3://assets/{OUTPUT}"]}

    assert ada.post(V1_JOBS, edit).status == 400
    assert ada.as_("boss", role="admin").post(V1_JOBS, edit).status == 202
