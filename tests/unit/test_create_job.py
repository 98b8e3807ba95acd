"""CreateJob: one job for a caller's key, all references or none, and a crash in between mended."""

import base64
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import ConflictError, InvalidRequestError
from darkroom.domain.job import Job, Status
from darkroom.domain.parsing import parse_request
from darkroom.domain.references import MAX_REFERENCE_BYTES, S3Object, Url
from darkroom.domain.submit_queue import Priority
from darkroom.usecases.create_job import RequestSource
from tests.fakes.crashes import DeadError
from tests.fakes.pictures import JPEG, PNG, WEBP
from tests.fakes.world import DEADLINE, TESTS, TEXT_TO_IMAGE, World

URL = "https://example.com/a.png"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def edit(*images: str, **changes: Any) -> dict[str, Any]:
    return {"operation": "edit", "prompt": "more fog", "images": list(images)} | changes


def refused(world: World, body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as caught:
        world.accepted(body)
    assert world.jobs.records == {}
    assert world.workflow.started == []
    assert world.references.objects.keys() <= {("private", "a.png"), ("public", "a.png")}
    return {problem.field: problem.message for problem in caught.value.problems}


def test_a_new_job_is_recorded_and_started() -> None:
    world = World()

    job = world.accepted()

    assert world.job(job.job_id) == job
    assert job.status is Status.QUEUED
    assert (job.caller, job.request_id) == ("tests", "request-key")
    assert (job.accepted_at, job.deadline_seconds) == (world.clock(), DEADLINE)
    assert job.estimated_cost_micro_usd == 60_000
    assert job.expires_at == int(world.clock().timestamp()) + 90 * 86_400
    assert (job.priority, job.queue_position, job.reservations) == (Priority.NORMAL, None, ())
    assert job.sweep_after == world.clock() + timedelta(minutes=2), (
        "the sweep looks whether it started"
    )
    assert world.workflow.started == [job.job_id]
    assert world.metrics.total("JobsAccepted") == 1


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("entry_point", Priority)
def test_a_request_says_its_lane_or_else_its_door_does(
    priority: Priority, entry_point: Priority
) -> None:
    world = World()
    request = parse_request(TEXT_TO_IMAGE | {"priority": str(priority)}, max_deadline_seconds=3600)
    silent = parse_request(TEXT_TO_IMAGE, max_deadline_seconds=3600)

    said = world.create_job()(request, RequestSource(TESTS, "said", "r", priority=entry_point))
    unsaid = world.create_job()(silent, RequestSource(TESTS, "unsaid", "r", priority=entry_point))

    assert (said.priority, unsaid.priority) == (priority, entry_point)
    assert "priority" not in said.input


def test_the_same_key_and_request_find_the_same_job() -> None:
    world = World()
    first = world.accepted()
    world.clock.advance(60)

    again = world.accepted()

    assert again == first
    assert world.workflow.started == [first.job_id]
    assert world.metrics.total("JobsAccepted") == 1


def test_another_key_is_another_job() -> None:
    world = World()

    assert world.accepted(key="one").job_id != world.accepted(key="two").job_id


@pytest.mark.parametrize(
    "other", [{"prompt": "less fog"}, {"images": [URL, URL]}, {"deadline_seconds": 60}]
)
def test_the_same_key_for_another_request_is_a_conflict(other: dict[str, Any]) -> None:
    world = World()
    first = world.accepted(edit(URL))

    with pytest.raises(ConflictError):
        world.accepted(edit(URL) | other)

    assert list(world.jobs.records) == world.workflow.started == [first.job_id]


def test_a_crash_before_the_start_is_mended_by_the_next_try() -> None:
    world = World()
    world.crash_at.plan = {2: "before"}  # get, create, start
    with pytest.raises(DeadError):
        world.accepted()
    assert len(world.jobs.records) == 1
    assert world.workflow.started == []

    job = world.accepted()

    assert world.workflow.started == [job.job_id]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.QUEUED])
def test_a_job_under_way_is_not_started_again(status: Status) -> None:
    world = World()
    job = world.accepted()
    world.jobs.update(job.job_id, when=list(Status), status=status)
    world.workflow.started.clear()

    assert world.accepted().status is status

    assert world.workflow.started == []


def test_a_race_between_two_deliveries_makes_one_job() -> None:
    world, other = World(), World()
    quicker = other.accepted()

    class Slow(type(world.jobs)):  # type: ignore[misc]
        def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
            self.records.setdefault(quicker.job_id, quicker)
            return bool(super().create(job, caps))

    world.jobs = Slow()
    world.clock.advance(5)

    assert world.accepted() == quicker
    assert world.metrics.total("JobsAccepted") == 0


def test_each_kind_of_reference_is_kept_in_order() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [b"old", PNG]

    job = world.accepted(
        edit(URL, "s3://public/a.png", f"data:image/webp;base64,{encoded(WEBP)}", encoded(JPEG))
    )

    url, pinned, webp, jpeg = job.references
    assert url == Url(url=URL)
    assert pinned == S3Object(bucket="public", key="a.png", version_id="v2")
    assert isinstance(webp, S3Object)
    assert isinstance(jpeg, S3Object)
    assert webp.key.startswith(f"references/{job.job_id}/")
    assert webp.key.endswith(".webp")
    assert jpeg.key.endswith(".jpg")
    assert world.references.objects["assets", webp.key] == [WEBP]
    assert world.references.objects["assets", jpeg.key] == [JPEG]
    assert "images" not in job.input


def test_a_repeat_keeps_the_version_that_was_pinned_first() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG]
    first = world.accepted(edit("s3://public/a.png"))
    world.references.objects["public", "a.png"].append(JPEG)

    assert world.accepted(edit("s3://public/a.png")) == first


def test_the_same_image_twice_is_two_references_in_one_object() -> None:
    world = World()

    job = world.accepted(edit(encoded(PNG), encoded(PNG), URL, URL))

    first, second, *urls = job.references
    assert isinstance(first, S3Object)
    assert isinstance(second, S3Object)
    assert first.key == second.key
    assert urls == [Url(url=URL)] * 2
    assert job.estimated_cost_micro_usd == 70_000 + 3 * 12_000


def test_one_bad_reference_keeps_nothing() -> None:
    world = World()

    found = refused(world, edit(encoded(PNG), "s3://public/none.png", encoded(b"<html>"), URL))

    assert found == {
        "images.1": "does not exist, or may not be read",
        "images.2": "is not a PNG, JPEG or WebP image",
    }


def test_unreadable_text_is_told_for_every_reference_at_once() -> None:
    found = refused(World(), edit("http://example.com/", URL, "https://10.0.0.1/", "%%%"))

    assert found.keys() == {"images.0", "images.2", "images.3"}


def test_an_object_that_may_not_be_read_is_refused_like_one_that_is_not_there() -> None:
    world = World()
    world.references.objects["private", "a.png"] = [PNG]
    world.references.forbidden.add("private")

    hidden = refused(world, edit("s3://private/a.png"))

    assert hidden == refused(world, edit("s3://private/none.png"))


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("kind", ["s3", "base64"])
def test_a_reference_has_up_to_20_mb(kind: str, extra: int) -> None:
    world = World()
    data = PNG.ljust(MAX_REFERENCE_BYTES + extra, b"\x00")
    world.references.objects["public", "a.png"] = [data]
    image = "s3://public/a.png" if kind == "s3" else encoded(data)

    if extra:
        assert refused(world, edit(image)) == {"images.0": "is larger than 20 MB"}
    else:
        assert len(world.accepted(edit(image)).references) == 1


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(99), b"%PDF-1.7", b"\x89PN"])
def test_an_object_that_is_no_picture_is_refused(data: bytes) -> None:
    world = World()
    world.references.objects["public", "a.png"] = [data]

    message = refused(world, edit("s3://public/a.png"))["images.0"]

    assert message in {"is empty", "is not a PNG, JPEG or WebP image"}


def test_another_model_keeps_its_input_and_has_no_price() -> None:
    model_input = {"prompt": "waves", "quality": ["odd"], "images": ["https://example.com/x"]}

    job = World().accepted({"model": "a/b", "input": model_input})

    assert (job.model, job.input, job.references) == ("a/b", model_input, ())
    assert job.estimated_cost_micro_usd is None
