"""CreateJob: which objects a caller may reference, in which URL forms, and a job's source."""

import base64
from typing import Any

import pytest

from darkroom.domain import callers
from darkroom.domain.callers import Caller, Role
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.references import S3Object, Url
from tests.fakes.images import PNG
from tests.fakes.world import World

OWN_KEY = callers.of_key("mine", Role.SUBMIT)
OTHER_KEY = callers.of_key("other", Role.SUBMIT)
ORDERS = callers.of_rule("orders", can_read_all=False)
TRUSTED = [
    callers.of_key("owner", Role.ADMIN),
    callers.of_rule("events", can_read_all=True),
    callers.of_preset("scan"),
    callers.INBOX,
]
UPLOAD = "0123456789abcdef.png"
# The URL forms of one object.
FORMS = ["s3://assets/{key}", "https://assets.s3.test/{key}?versionId=v1&X-Amz-Signature=s"]


def edit(*images: str | S3Object) -> dict[str, Any]:
    return {"operation": "edit", "prompt": "more fog", "images": list(images)}


def world_with(key: str, owner: str | None) -> World:
    world = World()
    world.references.objects["assets", key] = [PNG]
    if owner:
        world.references.owners[key] = owner
    return world


def refused_problems(world: World, image: str, caller: Caller) -> list[dict[str, str]]:
    with pytest.raises(InvalidRequestError) as error:
        world.accept_job(edit(image), caller=caller)
    assert world.jobs.records == {}
    assert world.workflow.started == []
    return [problem.model_dump() for problem in error.value.problems]


@pytest.mark.parametrize("owner", [OTHER_KEY.name, "events", "inbox:scan", None])
@pytest.mark.parametrize("form", [*FORMS, "upload:"])
@pytest.mark.parametrize("caller", [OWN_KEY, ORDERS])
def test_object_of_another_caller_gets_the_error_of_a_missing_object(
    caller: Caller, form: str, owner: str | None
) -> None:
    key = f"uploads/{UPLOAD}"
    image = f"upload:{UPLOAD}" if form == "upload:" else form.format(key=key)

    hidden = refused_problems(world_with(key, owner), image, caller)

    assert hidden == refused_problems(World(), image, caller)
    assert [(problem["field"], problem["message"]) for problem in hidden] == [
        ("images.0", "Reference image 1 does not exist, or this caller may not read it.")
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", [Role.SUBMIT, Role.ADMIN])
def test_own_object_is_pinned_to_its_version_in_every_url_form(form: str, role: Role) -> None:
    world = world_with("jobs/j/0 a.png", owner=OWN_KEY.name)

    job = world.accept_job(
        edit(form.format(key="jobs/j/0 a.png")), caller=callers.of_key("mine", role)
    )

    assert job.references == (S3Object(bucket="assets", key="jobs/j/0 a.png", version_id="v1"),)


@pytest.mark.parametrize("caller", TRUSTED, ids=lambda caller: caller.name)
@pytest.mark.parametrize("owner", [OTHER_KEY.name, None])
def test_caller_that_can_read_all_may_reference_any_object(
    caller: Caller, owner: str | None
) -> None:
    world = world_with("jobs/j/0.png", owner)

    assert len(world.accept_job(edit("s3://assets/jobs/j/0.png"), caller=caller).references) == 1


def test_object_in_another_bucket_has_no_owner_check() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG]

    assert len(world.accept_job(edit("s3://public/a.png"), caller=OWN_KEY).references) == 1


def test_stored_image_bytes_can_be_referenced_only_by_their_caller() -> None:
    world = World()
    first = world.accept_job(edit(base64.b64encode(PNG).decode()), key="first", caller=OWN_KEY)
    [stored] = first.references

    second = world.accept_job(edit(str(stored)), key="second", caller=OWN_KEY)

    assert second.references == (stored,)
    with pytest.raises(InvalidRequestError):
        world.accept_job(edit(str(stored)), key="third", caller=OTHER_KEY)


def test_s3_url_and_s3_uri_of_one_object_make_the_same_request() -> None:
    world = world_with("jobs/j/0.png", owner=OWN_KEY.name)
    first, second = (form.format(key="jobs/j/0.png") for form in FORMS)

    job = world.accept_job(edit(first), caller=OWN_KEY)

    assert world.accept_job(edit(second), caller=OWN_KEY) == job


@pytest.mark.parametrize(
    "url", ["https://assets.s3.test.evil.example/x.png", "https://other.s3.test/x.png"]
)
def test_url_of_another_host_is_not_resolved_to_an_object(url: str) -> None:
    assert World().accept_job(edit(url), caller=OWN_KEY).references == (Url(url=url),)
