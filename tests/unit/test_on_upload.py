"""OnUpload: one `Object Created` event, as EventBridge delivers it, becomes a job."""

import copy
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import entry_points
from darkroom.handlers import on_upload
from darkroom.observability import CrashError
from tests.fakes.pictures import PNG
from tests.fakes.world import World

CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))
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
    """A deployment whose handler is the real one."""
    world = World()
    monkeypatch.setattr(entry_points, "upload_job", world.upload_job)
    return world


def test_an_event_becomes_the_job_of_that_version_of_that_key(world: World) -> None:
    world.inbox.put(KEY, PNG)
    world.inbox.put(KEY, b"a later version")

    answer = on_upload.handler(EVENT, CONTEXT)

    job = world.job(answer["job_id"])
    assert (job.request_id, job.caller) == (EVENT["id"], "inbox:clean-scan")
    assert job.source is not None
    assert (job.source.bucket, job.source.key, job.source.version_id) == ("inbox", KEY, "v1")
    assert on_upload.handler(EVENT, CONTEXT) == answer
    assert world.workflow.started == [job.job_id]


def test_the_same_version_told_of_by_another_event_is_the_same_job(world: World) -> None:
    world.inbox.put(KEY, PNG)

    answers = [on_upload.handler(EVENT | {"id": name}, CONTEXT) for name in ("one", "two")]

    assert answers[0] == answers[1]
    assert len(world.jobs.records) == 1


def test_a_refusal_and_what_asks_for_nothing_are_no_job_and_no_crash(world: World) -> None:
    world.inbox.put(KEY, b"no picture")

    assert on_upload.handler(EVENT, CONTEXT) == {"job_id": None}

    [event] = world.events.published
    assert event.id == f"{EVENT['id']}.rejected"
    world.references.objects.clear()
    assert on_upload.handler(EVENT, CONTEXT) == {"job_id": None}
    assert len(world.events.published) == 1


@pytest.mark.parametrize("missing", ["bucket", "object"])
def test_an_event_of_something_else_is_a_crash_for_people_to_see(
    world: World, missing: str
) -> None:
    event: dict[str, Any] = copy.deepcopy(EVENT)
    del event["detail"][missing]

    with pytest.raises(CrashError, match="KeyError"):
        on_upload.handler(event, CONTEXT)

    assert world.events.published == []


def test_neither_the_key_nor_the_prompt_is_logged(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.inbox.put(KEY, PNG, prompt="sesame-4711")

    on_upload.handler(EVENT, CONTEXT)

    logged = "".join(capsys.readouterr())
    assert "sesame-4711" not in logged
    assert "100%" not in logged
