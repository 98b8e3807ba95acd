"""CreateJob: one job per idempotency key, all references or none, and recovery from crashes."""

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
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.images import JPEG, PNG, WEBP
from tests.fakes.world import DEADLINE, TEST_CALLER, TEXT_TO_IMAGE, World

URL = "https://example.com/a.png"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def edit(*images: str, **changes: Any) -> dict[str, Any]:
    return {"operation": "edit", "prompt": "more fog", "images": list(images)} | changes


def refused_problems(world: World, body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidRequestError) as error:
        world.accept_job(body)
    assert world.jobs.records == {}
    assert world.workflow.started == []
    assert world.references.objects.keys() <= {("private", "a.png"), ("public", "a.png")}
    return {problem.field: problem.message for problem in error.value.problems}


def test_new_job_is_stored_and_started() -> None:
    world = World()

    job = world.accept_job()

    assert world.job(job.job_id) == job
    assert job.status is Status.QUEUED
    assert (job.caller, job.request_id) == ("tests", "request-key")
    assert (job.accepted_at, job.deadline_seconds) == (world.clock(), DEADLINE)
    assert job.estimated_cost_micro_usd == 60_000
    assert job.expires_at == int(world.clock().timestamp()) + 90 * 86_400
    assert (job.priority, job.queue_position, job.reservations) == (Priority.NORMAL, None, ())
    assert job.sweep_after == world.clock() + timedelta(minutes=2), (
        "the sweep checks whether the job started"
    )
    assert world.workflow.started == [job.job_id]
    assert world.metrics.total("JobsAccepted") == 1


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("entry_point", Priority)
def test_priority_of_the_request_overrides_the_entry_point(
    priority: Priority, entry_point: Priority
) -> None:
    world = World()
    request = parse_request(TEXT_TO_IMAGE | {"priority": str(priority)})
    request_without_priority = parse_request(TEXT_TO_IMAGE)

    explicit = world.app.create_job.run(
        request, RequestSource(TEST_CALLER, "explicit", "r", priority=entry_point)
    )
    default = world.app.create_job.run(
        request_without_priority, RequestSource(TEST_CALLER, "default", "r", priority=entry_point)
    )

    assert (explicit.priority, default.priority) == (priority, entry_point)
    assert "priority" not in explicit.input


def test_same_key_and_request_return_the_same_job() -> None:
    world = World()
    first = world.accept_job()
    world.clock.advance(60)

    second = world.accept_job()

    assert second == first
    assert world.workflow.started == [first.job_id]
    assert world.metrics.total("JobsAccepted") == 1


@pytest.mark.parametrize(
    "changes", [{"prompt": "less fog"}, {"images": [URL, URL]}, {"deadline_seconds": 60}]
)
def test_same_key_with_another_request_raises_conflict_error(changes: dict[str, Any]) -> None:
    world = World()
    first = world.accept_job(edit(URL))

    with pytest.raises(ConflictError):
        world.accept_job(edit(URL) | changes)

    assert list(world.jobs.records) == world.workflow.started == [first.job_id]


def test_next_attempt_starts_a_job_after_a_crash() -> None:
    world = World()
    world.crash_at.methods = {"start": "before"}
    with pytest.raises(SimulatedCrashError):
        world.accept_job()
    assert len(world.jobs.records) == 1
    assert world.workflow.started == []

    job = world.accept_job()

    assert world.workflow.started == [job.job_id]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.QUEUED])
def test_job_past_the_queue_is_not_started_again(status: Status) -> None:
    world = World()
    job = world.accept_job()
    world.jobs.update(job.job_id, when=list(Status), status=status)
    world.workflow.started.clear()

    assert world.accept_job().status is status

    assert world.workflow.started == []


def test_concurrent_deliveries_create_one_job() -> None:
    world, other = World(), World()
    first = other.accept_job()

    class SlowJobs(type(world.jobs)):  # type: ignore[misc]
        def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
            self.records.setdefault(first.job_id, first)
            return bool(super().create(job, caps))

    world.jobs = SlowJobs()
    world.clock.advance(5)

    assert world.accept_job() == first
    assert world.metrics.total("JobsAccepted") == 0


def test_references_of_every_form_are_stored_in_order() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [b"old", PNG]

    job = world.accept_job(
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


def test_repeated_request_keeps_the_pinned_version() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG]
    first = world.accept_job(edit("s3://public/a.png"))
    world.references.objects["public", "a.png"].append(JPEG)

    assert world.accept_job(edit("s3://public/a.png")) == first


def test_identical_images_share_one_stored_object() -> None:
    world = World()

    job = world.accept_job(edit(encoded(PNG), encoded(PNG), URL, URL))

    first, second, *urls = job.references
    assert isinstance(first, S3Object)
    assert isinstance(second, S3Object)
    assert first.key == second.key
    assert urls == [Url(url=URL)] * 2
    assert job.estimated_cost_micro_usd == 70_000 + 3 * 12_000


def test_one_bad_reference_stores_nothing() -> None:
    world = World()

    problems = refused_problems(
        world, edit(encoded(PNG), "s3://public/none.png", encoded(b"<html>"), URL)
    )

    assert problems == {
        "images.1": "Reference image 2 does not exist, or this caller may not read it.",
        "images.2": "Reference image 3 has an unsupported format. Use PNG, JPEG or WebP.",
    }


def test_unreadable_object_gets_the_error_of_a_missing_object() -> None:
    world = World()
    world.references.objects["private", "a.png"] = [PNG]
    world.references.forbidden.add("private")

    hidden = refused_problems(world, edit("s3://private/a.png"))

    assert hidden == refused_problems(world, edit("s3://private/none.png"))


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("kind", ["s3", "base64"])
def test_reference_size_is_limited_to_20_mb(kind: str, extra: int) -> None:
    world = World()
    data = PNG.ljust(MAX_REFERENCE_BYTES + extra, b"\x00")
    world.references.objects["public", "a.png"] = [data]
    image = "s3://public/a.png" if kind == "s3" else encoded(data)

    if extra:
        message = "Reference image 1 is 20.1 MB; the limit is 20 MB."
        assert refused_problems(world, edit(image)) == {"images.0": message}
    else:
        assert len(world.accept_job(edit(image)).references) == 1


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty."),
        (b"GIF89a" + bytes(99), "is a GIF. Use PNG, JPEG or WebP."),
        (b"\x00\x00\x00\x18ftypheic", "is a HEIC image. Export it as JPEG."),
        (b"%PDF-1.7", "is a PDF. Use PNG, JPEG or WebP."),
        (b"words", "has an unsupported format. Use PNG, JPEG or WebP."),
        (b"\x89PN", "has an unsupported format. Use PNG, JPEG or WebP."),
    ],
)
def test_object_that_is_not_an_image_is_refused(data: bytes, problem: str) -> None:
    world = World()
    world.references.objects["public", "a.png"] = [data]

    message = refused_problems(world, edit("s3://public/a.png"))["images.0"]

    assert message == f"Reference image 1 {problem}"


def test_another_model_keeps_its_input_and_has_no_price() -> None:
    model_input = {"prompt": "waves", "quality": ["odd"], "images": ["https://example.com/x"]}

    job = World().accept_job({"model": "a/b", "input": model_input})

    assert (job.model, job.input, job.references) == ("a/b", model_input, ())
    assert job.estimated_cost_micro_usd is None
