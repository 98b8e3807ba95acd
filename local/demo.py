"""The demo of `make run`: one image through each of the three entry points."""

import hashlib
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.domain.events import JobCompleted, JobFailed, JobRejected
from darkroom.domain.identity import job_id
from darkroom.domain.job import Job
from darkroom.domain.requests import Operation, Prompt, TextToImage
from local import events, paths, report
from local.errors import LocalError
from local.events import Event, Listener
from local.progress import Progress
from local.stack import Running, Stack

EDIT_PROMPT = "The same scene at night: a full moon, the first snow falling, windows lit warm"
PHOTOGRAPH = paths.ROOT / "docs" / "images" / "photograph.jpg"
PRESET = "warmer-light"
JOB_SECONDS = 20 * 60

type Find = Callable[[JobTable], Job | None]


class DemoImage(TextToImage):
    """The request of the demo, read from environment variables with the names of the fields."""

    operation: Literal[Operation.TEXT_TO_IMAGE] = Operation.TEXT_TO_IMAGE
    prompt: Prompt = (
        "A small stone lighthouse on a cliff above a calm sea at dawn, long soft light, "
        "gulls, painted in gouache"
    )


@dataclass(frozen=True)
class DemoJob:
    """A submitted request: its entry point, and how to find its job and its events."""

    name: str
    find: Find
    matches_event: Callable[[dict[str, Any]], bool]


def run(stack: Running, image: DemoImage, *, is_real: bool) -> None:
    """Run one job per entry point and report each. Raises LocalError when a job fails."""
    request = image.model_dump(mode="json", exclude_none=True)
    with Listener(stack.stack) as bus:
        print("\nHTTP request: POST /v1/jobs")
        first = report_job(stack, bus, submit_by_http(stack.stack, request))
        if is_real:
            print(report.NO_REAL_EDIT)
        else:
            print(f"\nS3 upload: a photograph into the folder {PRESET}")
            report_job(stack, bus, submit_by_upload(stack.stack))
        print("\nEventBridge event: JobRequested")
        images = None if is_real else first.detail.uris
        report_job(stack, bus, submit_by_event(stack.stack, request, images))
    print(report.SIMULATED if stack.stack.provider_admin_url else "")


def submit_by_http(stack: Stack, request: dict[str, Any]) -> DemoJob:
    """Create a job through the API. Raises LocalError unless the API accepts it."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    response = httpx.post(
        f"{stack.api_url}/v1/jobs", json=request, headers=headers, timeout=60, trust_env=False
    )
    if response.status_code != httpx.codes.ACCEPTED:
        raise LocalError(f"the API returned {response.status_code}: {response.text}")
    identity = response.json()["job_id"]
    print(f"  {response.status_code}, Location: {response.headers['location']}")
    return DemoJob(
        "http", lambda table: table.get(identity), lambda detail: detail["job_id"] == identity
    )


def submit_by_upload(stack: Stack) -> DemoJob:
    """Upload a photograph to the inbox bucket."""
    key = f"{PRESET}/demo/{PHOTOGRAPH.name}"
    stack.client("s3").upload_file(str(PHOTOGRAPH), stack.inbox_bucket, key)
    print(f"  s3://{stack.inbox_bucket}/{key}")

    def newest(table: JobTable) -> Job | None:
        jobs, _ = table.page(f"inbox:{PRESET}", limit=1, after=None)
        return jobs[0] if jobs else None

    return DemoJob("s3", newest, lambda detail: (detail.get("source") or {}).get("key") == key)


def submit_by_event(
    stack: Stack, request: dict[str, Any], images: tuple[str, ...] | None
) -> DemoJob:
    """Publish JobRequested: an edit of the images, or without images a low-quality image."""
    job_request = {**request, "quality": "low"}
    if images:
        job_request = {**request, "operation": "edit", "prompt": EDIT_PROMPT, "images": images}
    key = secrets.token_hex(8)
    event_id = events.put(stack, {**job_request, "idempotency_key": key})
    print(f"  event {event_id}: {job_request['operation']}")
    identity = job_id("events", key)
    return DemoJob(
        "event", lambda table: table.get(identity), lambda detail: detail["request_id"] == event_id
    )


def report_job(stack: Running, bus: Listener, job: DemoJob) -> report.Finished:
    """Wait for the end of a job, save its first output and print the report."""
    event = _follow(stack, bus, job)
    if event["detail-type"] != "JobCompleted":
        report.show_event(event)
        raise LocalError(_reason(event), stack.logs)
    detail = JobCompleted.model_validate(event["detail"])
    finished = report.Finished(job.name, detail, event, _save(stack.stack, job.name, detail))
    report.show(finished)
    return finished


def _reason(event: Event) -> str:
    if event["detail-type"] == "JobFailed":
        failed = JobFailed.model_validate(event["detail"])
        return f"the job {failed.job_id} failed: {failed.code}: {failed.message}"
    refused = JobRejected.model_validate(event["detail"])
    return f"the request was rejected: {refused.message}"


def _follow(stack: Running, bus: Listener, job: DemoJob) -> Event:
    """Print the changes of the job's record until its terminal event arrives; return the event."""
    jobs = JobTable(stack.stack.client("dynamodb"), stack.stack.table)
    progress = Progress(job.name, sys.stdout, seconds=JOB_SECONDS)
    try:
        while not progress.is_late:
            stack.require_alive()
            record = job.find(jobs)
            progress.show(record.status if record else "requested", record.checks if record else 0)
            for event in bus.receive():
                if event["detail-type"] != "JobSubmitted" and job.matches_event(event["detail"]):
                    if record := job.find(jobs):
                        progress.show(record.status, record.checks)
                    return event
    finally:
        progress.end()
    raise LocalError(f"the job did not end within {JOB_SECONDS} seconds", stack.logs)


def _save(stack: Stack, name: str, detail: JobCompleted) -> Path:
    asset = detail.assets[0]
    paths.OUT.mkdir(exist_ok=True)
    file = paths.OUT / f"{detail.job_id}-{name}{Path(asset.key).suffix}"
    stack.client("s3").download_file(asset.bucket, asset.key, str(file))
    if hashlib.sha256(file.read_bytes()).hexdigest() != asset.sha256:
        raise LocalError(f"the SHA-256 of {file} differs from that in its event")
    return file
