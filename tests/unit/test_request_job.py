"""RequestJob: an event becomes a job, or JobRejected is published with the reasons."""

from typing import Any

import pytest

from darkroom.domain import callers
from darkroom.domain.errors import Code
from darkroom.domain.events import JobRejected
from darkroom.domain.identity import job_id
from darkroom.domain.job import Job
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.images import PNG
from tests.fakes.world import TEXT_TO_IMAGE, World

URL = "https://example.com/a.png"


def edit(*images: object) -> dict[str, Any]:
    return {"operation": "edit", "prompt": "sesame-4711", "images": list(images)}


def request_job(world: World, detail: object, event_id: str = "event-1") -> Job | None:
    return world.app.request_job.run(
        detail, caller=callers.of_rule("events", can_read_all=True), event_id=event_id
    )


def rejection(world: World) -> JobRejected:
    [event] = world.events.published
    assert isinstance(event, JobRejected)
    assert world.jobs.records == {}
    assert world.workflow.started == []
    assert world.provider.posts == []
    assert world.metrics.total("RequestsRejected") == 1
    return event


def test_event_id_is_the_default_idempotency_key() -> None:
    world = World()

    job = request_job(world, TEXT_TO_IMAGE)

    assert job is not None
    assert job.job_id == job_id("events", "event-1")
    assert (job.caller, job.request_id) == ("events", "event-1")
    assert request_job(world, TEXT_TO_IMAGE) == job
    assert world.events.published == []


def test_idempotency_key_returns_the_job_of_another_event() -> None:
    world = World()

    first = request_job(world, TEXT_TO_IMAGE | {"idempotency_key": "k"}, "event-1")
    second = request_job(world, TEXT_TO_IMAGE | {"idempotency_key": "k"}, "event-2")

    assert first is not None
    assert second == first
    assert first.job_id == job_id("events", "k")


BAD_REQUESTS: dict[str, tuple[object, str, str]] = {
    "long prompt": (TEXT_TO_IMAGE | {"prompt": "x" * 32_001}, "prompt", "at most 32,000"),
    "forbidden": (edit(URL, "s3://private/a.png"), "images.1", "s3://bucket/key"),
    "private": (edit("https://169.254.169.254/x"), "images.0", "https:// URL"),
    "no detail": ("a lighthouse", "", "a JSON object"),
    "bad key": (TEXT_TO_IMAGE | {"idempotency_key": ""}, "idempotency_key", "1 to 256"),
    "key not a string": (TEXT_TO_IMAGE | {"idempotency_key": 7}, "idempotency_key", "1 to 256"),
    "long key": (TEXT_TO_IMAGE | {"idempotency_key": "k" * 257}, "idempotency_key", "1 to 256"),
    "bad Unicode": (TEXT_TO_IMAGE | {"idempotency_key": "\ud800"}, "idempotency_key", "1 to 256"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_invalid_request_is_rejected_by_field(name: str) -> None:
    detail, field, allowed = BAD_REQUESTS[name]
    world = World()
    world.references.objects["private", "a.png"] = [PNG]
    world.references.forbidden.add("private")

    assert request_job(world, detail) is None

    event = rejection(world)
    assert {problem.field: problem.allowed for problem in event.errors}.keys() == {field}
    assert allowed in event.errors[0].allowed
    assert (event.id, event.request_id) == ("event-1.rejected", "event-1")
    assert (event.caller, event.code, event.job_id) == ("events", Code.INVALID_REQUEST, None)
    assert event.message == " ".join(problem.message for problem in event.errors)
    event_json = event.model_dump_json()
    assert "sesame" not in event_json
    assert "169.254" not in event_json
    assert len(event_json) < 10_000


def test_same_key_with_another_request_is_rejected() -> None:
    world = World()
    job = request_job(world, TEXT_TO_IMAGE | {"idempotency_key": "k"})

    assert request_job(world, edit(URL) | {"idempotency_key": "k"}, "event-2") is None

    [event] = world.events.published
    assert isinstance(event, JobRejected)
    assert event.errors[0].field == "idempotency_key"
    assert event.idempotency_key == "k"
    assert job is not None
    assert list(world.jobs.records) == world.workflow.started == [job.job_id]


def test_rejection_after_a_crash_is_published_with_the_same_id() -> None:
    world = World()
    world.crash_at.methods = {"publish": "after"}
    with pytest.raises(SimulatedCrashError):
        request_job(world, {})

    request_job(world, {})

    assert [event.id for event in world.events.published] == ["event-1.rejected"] * 2
