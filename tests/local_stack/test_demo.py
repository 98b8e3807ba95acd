"""The demo: the requests to the entry points, and the matching of jobs and events."""

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
    """A fake of all AWS clients that records calls."""

    def __init__(self) -> None:
        self.uploads: list[tuple[str, str, str]] = []
        self.entries: list[dict[str, Any]] = []

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.uploads.append((path, bucket, key))

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "event-1"}]}


class Records:
    """A fake of the job table that returns the requested id."""

    def get(self, job_id: str) -> str:
        return job_id

    def page(self, caller: str, *, limit: int, after: object) -> tuple[list[Any], None]:
        return [], None


RECORDS: Any = Records()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    fake = Client()
    monkeypatch.setattr("local.stack.Stack.client", lambda _self, _service: fake)
    return fake


def stub_api(monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> list[dict[str, Any]]:
    """Stub the API with one response; return the recorded requests."""
    requests: list[dict[str, Any]] = []

    def post(url: str, **options: Any) -> httpx.Response:
        requests.append({"url": url, **options})
        return httpx.Response(status, text=body, headers={"Location": "/live/v1/jobs/j"})

    monkeypatch.setattr(httpx, "post", post)
    return requests


def test_http_request_uses_the_key_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = stub_api(monkeypatch, 202, '{"job_id": "j"}')

    demo_job = demo.submit_by_http(STACK, REQUEST)

    (call,) = requests
    assert call["url"] == f"{STACK.api_url}/v1/jobs"
    assert call["headers"] == {"Authorization": f"Bearer {STACK.api_key}"}
    assert call["json"] == REQUEST
    assert call["trust_env"] is False  # loopback bypasses proxies
    job: Any = demo_job.find(RECORDS)
    assert job == "j"
    assert demo_job.matches_event({"job_id": "j"})
    assert not demo_job.matches_event({"job_id": "another"})


def test_refusal_of_the_api_is_reported_with_its_body(monkeypatch: pytest.MonkeyPatch) -> None:
    stub_api(monkeypatch, 400, '{"detail": "prompt is missing"}')

    with pytest.raises(LocalError, match=r"the API returned 400: .*prompt is missing"):
        demo.submit_by_http(STACK, REQUEST)


def test_photograph_is_uploaded_to_the_folder_of_a_preset(client: Client) -> None:
    demo_job = demo.submit_by_upload(STACK)

    ((path, bucket, key),) = client.uploads
    assert path == str(demo.PHOTOGRAPH)
    assert demo.PHOTOGRAPH.is_file()
    assert bucket == STACK.inbox_bucket
    assert key.startswith(f"{demo.PRESET}/")
    assert demo_job.find(RECORDS) is None  # no job yet
    assert demo_job.matches_event({"source": {"bucket": bucket, "key": key}})
    assert not demo_job.matches_event({"source": None})
    assert not demo_job.matches_event({})


def test_preset_of_the_demo_is_shipped() -> None:
    from darkroom.domain import presets

    assert demo.PRESET in presets.shipped().presets


def test_event_requests_an_edit_of_the_first_image(client: Client) -> None:
    demo_job = demo.submit_by_event(STACK, REQUEST, ("s3://bucket/jobs/j/0.png",))

    (entry,) = client.entries
    detail = json.loads(entry["Detail"])
    assert entry["EventBusName"] == STACK.event_bus
    assert entry["DetailType"] == "JobRequested"
    assert (detail["operation"], detail["images"]) == ("edit", ["s3://bucket/jobs/j/0.png"])
    # The rule adds the caller, which is part of the job id.
    job: Any = demo_job.find(RECORDS)
    assert job == job_id("events", detail["idempotency_key"])
    assert demo_job.matches_event({"request_id": "event-1"})


def test_event_without_images_requests_a_low_quality_image(client: Client) -> None:
    demo.submit_by_event(STACK, REQUEST, None)

    detail = json.loads(client.entries[0]["Detail"])
    assert (detail["operation"], detail["quality"]) == ("text-to-image", "low")
