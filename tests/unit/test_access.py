"""CreateJob: whose objects a caller may refer to, in which forms, and where a job comes from."""

from typing import Any

import pytest

from darkroom.domain import callers
from darkroom.domain.callers import Caller, Role
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.domain.references import S3Object, Url
from darkroom.usecases.create_job import RequestSource
from tests.fakes.pictures import JPEG, PNG
from tests.fakes.world import TESTS, World

MINE = callers.of_key("mine", Role.SUBMIT)
OTHER = callers.of_key("other", Role.SUBMIT)
ORDERS = callers.of_rule("orders", can_read_all=False)
TRUSTED = [
    callers.of_key("owner", Role.ADMIN),
    callers.of_rule("events", can_read_all=True),
    callers.of_preset("scan"),
    callers.INBOX,
]
UPLOAD = "0123456789abcdef.png"
# Each way to say the same object.
FORMS = ["s3://assets/{key}", "https://assets.s3.test/{key}?versionId=v1&X-Amz-Signature=s"]


def edit(*images: str) -> dict[str, Any]:
    return {"operation": "edit", "prompt": "more fog", "images": list(images)}


def world_with(key: str, owner: str | None) -> World:
    world = World()
    world.references.objects["assets", key] = [PNG]
    if owner:
        world.references.owners[key] = owner
    return world


def refused(world: World, image: str, caller: Caller) -> list[dict[str, str]]:
    with pytest.raises(InvalidRequestError) as caught:
        world.accepted(edit(image), caller=caller)
    assert world.jobs.records == {}
    assert world.workflow.started == []
    return [problem.model_dump() for problem in caught.value.problems]


@pytest.mark.parametrize("owner", [OTHER.name, "events", "inbox:scan", None])
@pytest.mark.parametrize("form", [*FORMS, "upload:"])
@pytest.mark.parametrize("caller", [MINE, ORDERS])
def test_anothers_object_is_refused_exactly_like_one_that_is_not_there(
    caller: Caller, form: str, owner: str | None
) -> None:
    key = f"uploads/{UPLOAD}"
    image = f"upload:{UPLOAD}" if form == "upload:" else form.format(key=key)

    hidden = refused(world_with(key, owner), image, caller)

    assert hidden == refused(World(), image, caller)
    assert [(problem["field"], problem["message"]) for problem in hidden] == [
        ("images.0", "does not exist, or may not be read")
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("role", [Role.SUBMIT, Role.ADMIN])
def test_a_callers_own_object_is_pinned_however_it_is_named(form: str, role: Role) -> None:
    world = world_with("jobs/j/0 a.png", owner=MINE.name)

    job = world.accepted(
        edit(form.format(key="jobs/j/0 a.png")), caller=callers.of_key("mine", role)
    )

    assert job.references == (S3Object(bucket="assets", key="jobs/j/0 a.png", version_id="v1"),)


def test_a_callers_own_upload_is_found_by_its_id() -> None:
    world = world_with(f"uploads/{UPLOAD}", owner=MINE.name)

    job = world.accepted(edit(f"upload:{UPLOAD}"), caller=MINE)

    assert job.references == (S3Object(bucket="assets", key=f"uploads/{UPLOAD}", version_id="v1"),)


@pytest.mark.parametrize("caller", TRUSTED, ids=lambda caller: caller.name)
@pytest.mark.parametrize("owner", [OTHER.name, None])
def test_who_sees_all_may_refer_to_all(caller: Caller, owner: str | None) -> None:
    world = world_with("jobs/j/0.png", owner)

    assert len(world.accepted(edit("s3://assets/jobs/j/0.png"), caller=caller).references) == 1


def test_what_lies_in_another_bucket_belongs_to_none_of_the_callers() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG]

    assert len(world.accepted(edit("s3://public/a.png"), caller=MINE).references) == 1


def test_a_callers_own_bytes_can_be_referred_to_later_and_by_nobody_else() -> None:
    world = World()
    first = world.accepted(edit("iVBORw0KGgo="), key="first", caller=MINE)
    [kept] = first.references

    second = world.accepted(edit(str(kept)), key="second", caller=MINE)

    assert second.references == (kept,)
    with pytest.raises(InvalidRequestError):
        world.accepted(edit(str(kept)), key="third", caller=OTHER)


def test_a_url_of_ours_is_the_same_request_as_its_object() -> None:
    world = world_with("jobs/j/0.png", owner=MINE.name)
    first, second = (form.format(key="jobs/j/0.png") for form in FORMS)

    job = world.accepted(edit(first), caller=MINE)

    assert world.accepted(edit(second), caller=MINE) == job


@pytest.mark.parametrize(
    "url", ["https://assets.s3.test.evil.example/x.png", "https://other.s3.test/x.png"]
)
def test_anothers_url_stays_a_url(url: str) -> None:
    assert World().accepted(edit(url), caller=MINE).references == (Url(url=url),)


SOURCE = S3Object(bucket="inbox", key="scan/a.png", version_id="v1")


def uploaded(world: World, *images: str) -> Job:
    request = parse_request(edit(*images), max_deadline_seconds=3600)
    origin = RequestSource(
        callers.of_preset("scan"),
        "s3:key",
        "event-1",
        source=SOURCE,
        preset="scan@3",
        folder="edits/scan/a.png",
    )
    return world.create_job()(request, origin)


def test_an_upload_is_edited_in_the_version_that_was_told_of() -> None:
    world = World()
    world.references.objects["inbox", "scan/a.png"] = [PNG, JPEG]

    job = uploaded(world, str(SOURCE))

    assert job.references == (SOURCE,)


def test_what_lies_beside_an_upload_is_pinned_to_its_newest_version() -> None:
    world = World()
    world.references.objects["inbox", "scan/a.png"] = [PNG]
    world.references.objects["inbox", "scan/b.png"] = [PNG, JPEG]

    job = uploaded(world, str(SOURCE), "s3://inbox/scan/b.png")

    assert job.references[1] == S3Object(bucket="inbox", key="scan/b.png", version_id="v2")


def test_a_job_records_the_upload_its_preset_and_its_folder() -> None:
    world = World()
    world.references.objects["inbox", "scan/a.png"] = [PNG]

    job = uploaded(world, str(SOURCE))

    assert (job.caller, job.request_id, job.idempotency_key) == ("inbox:scan", "event-1", "s3:key")
    assert (job.source, job.preset) == (SOURCE, "scan@3")
    assert job.prefix == f"edits/scan/a.png/{job.job_id}"


def test_a_job_of_another_door_has_none_of_these() -> None:
    job = World().accepted(caller=TESTS)

    assert (job.source, job.preset, job.prefix) == (None, None, f"jobs/{job.job_id}")
