"""What the demo asks at each door, and how it knows its own job again."""

import json
from typing import Any

import httpx
import pytest

from darkroom.domain.identity import job_id
from local import demo
from local.errors import LocalError
from tests.local_stack.test_stack import STACK

REQUEST = {"operation": "text-to-image", "prompt": "A lighthouse", "quality": "high"}


class Client:
    """A client of whatever service: keeps what it was told."""

    def __init__(self) -> None:
        self.uploads: list[tuple[str, str, str]] = []
        self.entries: list[dict[str, Any]] = []

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.uploads.append((path, bucket, key))

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "event-1"}]}


class Records:
    """Says what it is asked for."""

    def get(self, job_id: str) -> str:
        return job_id

    def page(self, caller: str, *, limit: int, after: object) -> tuple[list[Any], None]:
        return [], None


RECORDS: Any = Records()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr("local.stack.Stack.client", lambda _self, _service: made)
    return made


def answers(monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> list[dict[str, Any]]:
    """Let the API answer so; return what it is told."""
    told: list[dict[str, Any]] = []

    def post(url: str, **given: Any) -> httpx.Response:
        told.append({"url": url, **given})
        return httpx.Response(status, text=body, headers={"Location": "/live/v1/jobs/j"})

    monkeypatch.setattr(httpx, "post", post)
    return told


def test_the_http_door_is_asked_with_the_stacks_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    told = answers(monkeypatch, 202, '{"job_id": "j"}')

    asked = demo.by_http(STACK, REQUEST)

    (call,) = told
    assert call["url"] == f"{STACK.api_url}/v1/jobs"
    assert call["headers"] == {"Authorization": f"Bearer {STACK.api_key}"}
    assert call["json"] == REQUEST
    assert call["trust_env"] is False  # no proxy is asked for loopback
    found: Any = asked.find(RECORDS)
    assert found == "j"
    assert asked.is_ours({"job_id": "j"})
    assert not asked.is_ours({"job_id": "another"})


def test_what_the_api_refuses_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, 400, '{"detail": "prompt is missing"}')

    with pytest.raises(LocalError, match=r"the API answered 400: .*prompt is missing"):
        demo.by_http(STACK, REQUEST)


def test_a_photograph_goes_into_a_folder_named_like_a_shipped_preset(client: Client) -> None:
    asked = demo.by_upload(STACK)

    ((path, bucket, key),) = client.uploads
    assert path == str(demo.PHOTOGRAPH)
    assert demo.PHOTOGRAPH.is_file()
    assert bucket == STACK.inbox_bucket
    assert key.startswith(f"{demo.PRESET}/")
    assert asked.find(RECORDS) is None  # not there yet
    assert asked.is_ours({"source": {"bucket": bucket, "key": key}})
    assert not asked.is_ours({"source": None})
    assert not asked.is_ours({})


def test_the_preset_of_the_demo_ships() -> None:
    from darkroom.domain import presets

    assert demo.PRESET in presets.shipped().presets


def test_the_event_door_is_asked_to_edit_what_the_http_door_made(client: Client) -> None:
    asked = demo.by_event(STACK, REQUEST, ("s3://bucket/jobs/j/0.png",))

    (entry,) = client.entries
    detail = json.loads(entry["Detail"])
    assert entry["EventBusName"] == STACK.event_bus
    assert entry["DetailType"] == "JobRequested"
    assert (detail["operation"], detail["images"]) == ("edit", ["s3://bucket/jobs/j/0.png"])
    # The rule names the caller: so is the job's id made.
    found: Any = asked.find(RECORDS)
    assert found == job_id("events", detail["idempotency_key"])
    assert asked.is_ours({"request_id": "event-1"})


def test_without_a_picture_to_edit_the_event_door_makes_a_cheap_one(client: Client) -> None:
    demo.by_event(STACK, REQUEST, None)

    detail = json.loads(client.entries[0]["Detail"])
    assert (detail["operation"], detail["quality"]) == ("text-to-image", "low")
