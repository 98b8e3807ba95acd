"""Whose things are: a caller reaches its own, by whatever way it tries, and an admin all."""

from collections.abc import Callable

import pytest

from darkroom.domain.job import Status
from tests.fakes.pictures import PNG
from tests.fakes.world import World
from tests.unit.http import V1_JOBS, Answer, Client

type Reach = Callable[[Client, str], Answer]

REFUSED = "does not exist, or may not be read"
# How one job can be reached, and the status for whoever may.
REACHES: dict[str, tuple[Reach, int]] = {
    "get": (lambda c, job_id: c.get(f"{V1_JOBS}/{job_id}"), 200),
    "wait": (lambda c, job_id: c.get(f"{V1_JOBS}/{job_id}", wait=1), 200),
    "cancel": (lambda c, job_id: c.delete(f"{V1_JOBS}/{job_id}"), 200),
    "result": (lambda c, job_id: c.get(f"/api/v3/predictions/{job_id}/result"), 200),
    "prediction": (lambda c, job_id: c.get(f"/api/v3/predictions/{job_id}"), 200),
}
# Bob's things, and every way to name one.
OUTPUT, UPLOAD, KEPT = "jobs/b/0.png", "uploads/b.png", "references/b/c.png"
NAMES = [
    f"s3://assets/{OUTPUT}",
    f"https://assets.s3.test/{OUTPUT}?X-Amz-Expires=3600",
    "https://assets.s3.test/jobs%2Fb/0%2Epng?X-Amz-Expires=3600",
    f"s3://assets/{UPLOAD}",
    "upload:b.png",
    f"https://assets.s3.test/{UPLOAD}?X-Amz-Expires=3600",
    f"s3://assets/{KEPT}",
]


@pytest.mark.parametrize("way", REACHES)
@pytest.mark.parametrize(
    ("name", "role", "may"),
    [("ada", "submit", True), ("boss", "admin", True), ("bob", "submit", False)],
)
def test_one_job_is_its_owners_and_an_admins(way: str, name: str, role: str, may: bool) -> None:
    ada = Client()
    job_id = ada.accepted().job_id
    reach, status = REACHES[way]

    answer = reach(ada.as_(name, role), job_id)

    assert answer.status == (status if may else 404)
    if not may:  # in the same words as of a job that never was
        nothing = reach(ada.as_(name, role), "a" * 26)
        assert (nothing.status, nothing.text) == (answer.status, answer.text)
        assert ada.world.job(job_id).status is Status.QUEUED


def test_keys_of_one_name_are_one_caller() -> None:
    ada = Client()
    job_id = ada.accepted().job_id

    assert ada.as_("ada", role="read").get(f"{V1_JOBS}/{job_id}").status == 200


def test_a_job_of_another_door_is_not_a_keys_even_if_the_names_are_alike() -> None:
    ada = Client(name="tests")
    by_event = ada.world.accepted().job_id

    assert ada.get(f"{V1_JOBS}/{by_event}").status == 404
    assert ada.get(V1_JOBS).json["jobs"] == []


def world_with_bobs_things() -> World:
    world = World()
    for key in (OUTPUT, UPLOAD, KEPT):
        world.references.objects["assets", key] = [PNG]
        world.references.owners[key] = "key:bob"
    return world


@pytest.mark.parametrize("image", NAMES)
@pytest.mark.parametrize(
    ("name", "role", "may"),
    [("bob", "submit", True), ("boss", "admin", True), ("ada", "submit", False)],
)
def test_what_lies_in_the_assets_bucket_is_its_owners_to_refer_to(
    image: str, name: str, role: str, may: bool
) -> None:
    client = Client(world_with_bobs_things(), name, role)
    edit = {"prompt": "x", "images": [image]}

    ours = client.post(V1_JOBS, {"operation": "edit", **edit})
    theirs = client.post("/api/v3/openai/gpt-image-2/edit", edit)

    assert (ours.status, theirs.status) == ((202, 200) if may else (400, 400))
    if not may:
        [problem] = ours.json["errors"]
        assert (problem["field"], problem["message"]) == ("images.0", REFUSED)
        assert REFUSED in theirs.json["message"]
        assert client.world.jobs.records == {}


def test_what_has_no_owner_in_the_assets_bucket_is_nobodys_but_an_admins() -> None:
    ada = Client(world_with_bobs_things())
    ada.world.references.owners.clear()
    edit = {"operation": "edit", "prompt": "x", "images": [f"s3://assets/{OUTPUT}"]}

    assert ada.post(V1_JOBS, edit).status == 400
    assert ada.as_("boss", role="admin").post(V1_JOBS, edit).status == 202
