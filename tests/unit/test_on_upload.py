"""OnUpload: one `Object Created` event from EventBridge becomes a job."""

import pytest

from darkroom.domain.errors import Code
from darkroom.handlers import on_upload
from tests.fakes.images import PNG
from tests.fakes.world import World
from tests.unit.http import CONTEXT

KEY = "clean-scan/a b+c 100%/größe.png"
EVENT = {
    "version": "0",
    "id": "2d4eba74-fd51-3966-4bfa-b013c9da8ff1",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "123456789012",
    "time": "2026-11-22T12:00:00Z",
    "region": "eu-central-1",
    "resources": ["arn:aws:s3:::inbox"],
    "detail": {
        "version": "0",
        "bucket": {"name": "inbox"},
        "object": {
            "key": KEY,
            "size": 99,
            "etag": "etag-1",
            "version-id": "v1",
            "sequencer": "000000000000000001",
        },
        "request-id": "EXAMPLE123456789",
        "requester": "123456789012",
        "source-ip-address": "192.0.2.1",
        "reason": "PutObject",
    },
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world on which the real handler runs."""
    world = World()
    monkeypatch.setattr(on_upload, "app", lambda: world.app)
    return world


def test_event_creates_a_job_for_its_object_version(world: World) -> None:
    world.inbox.put(KEY, PNG)
    world.inbox.put(KEY, b"a later version")

    response = on_upload.handler(EVENT, CONTEXT)

    job = world.job(response["job_id"])
    assert (job.request_id, job.caller) == (EVENT["id"], "inbox:clean-scan")
    assert job.source is not None
    assert (job.source.bucket, job.source.key, job.source.version_id) == ("inbox", KEY, "v1")
    assert on_upload.handler(EVENT, CONTEXT) == response
    assert world.workflow.started == [job.job_id]


def test_event_of_a_failed_job_writes_its_note(world: World) -> None:
    world.inbox.put(KEY, PNG)
    job_id = on_upload.handler(EVENT, CONTEXT)["job_id"]
    world.app.end_job.fail(job_id, Code.MODERATED)
    [event] = world.events.of_type("JobFailed")
    detail = event.model_dump(mode="json")

    response = on_upload.handler(
        {"source": "darkroom", "detail-type": "JobFailed", "detail": detail}, CONTEXT
    )

    assert response == {"job_id": job_id}
    assert world.assets.documents[f"errors/{KEY}.json"]["job_id"] == job_id


def test_object_key_and_prompt_are_not_logged(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.inbox.put(KEY, PNG, prompt="sesame-4711")

    on_upload.handler(EVENT, CONTEXT)

    output = "".join(capsys.readouterr())
    assert "sesame-4711" not in output
    assert "100%" not in output
