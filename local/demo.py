"""What `make run` does: a picture by each of the three doors."""

import hashlib
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from darkroom.adapters.table import JobTable
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


class Picture(TextToImage):
    """What a person may ask of the demo, by variables named like the fields."""

    operation: Literal[Operation.TEXT_TO_IMAGE] = Operation.TEXT_TO_IMAGE
    prompt: Prompt = (
        "A small stone lighthouse on a cliff above a calm sea at dawn, long soft light, "
        "gulls, painted in gouache"
    )


@dataclass(frozen=True)
class Asked:
    """A request that went through a door: what it is called, whose job it is, how to find it."""

    name: str
    find: Find
    is_ours: Callable[[dict[str, Any]], bool]


def run(stack: Running, picture: Picture, *, is_real: bool) -> None:
    """Go through each door, save and report. Raises LocalError with the reason when a job fails."""
    asked = picture.model_dump(mode="json", exclude_none=True)
    with Listener(stack.stack) as bus:
        print("\nThe HTTP door: POST /v1/jobs")
        first = finish(stack, bus, by_http(stack.stack, asked))
        if is_real:
            print(report.NO_REAL_EDIT)
        else:
            print(f"\nThe S3 door: a photograph dropped into the folder {PRESET}")
            finish(stack, bus, by_upload(stack.stack))
        print("\nThe event door: JobRequested on the bus")
        finish(stack, bus, by_event(stack.stack, asked, None if is_real else first.detail.uris))
    print(report.SIMULATED if stack.stack.provider_admin_url else "")


def by_http(stack: Stack, request: dict[str, Any]) -> Asked:
    """Ask for a picture through the API."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    answer = httpx.post(
        f"{stack.api_url}/v1/jobs", json=request, headers=headers, timeout=60, trust_env=False
    )
    if answer.status_code != httpx.codes.ACCEPTED:
        raise LocalError(f"the API answered {answer.status_code}: {answer.text}")
    identity = answer.json()["job_id"]
    print(f"  {answer.status_code}, Location: {answer.headers['location']}")
    return Asked("http", lambda table: table.get(identity), lambda told: told["job_id"] == identity)


def by_upload(stack: Stack) -> Asked:
    """Drop a photograph into the inbox."""
    key = f"{PRESET}/demo/{PHOTOGRAPH.name}"
    stack.client("s3").upload_file(str(PHOTOGRAPH), stack.inbox_bucket, key)
    print(f"  s3://{stack.inbox_bucket}/{key}")

    def newest(table: JobTable) -> Job | None:
        jobs, _ = table.page(f"inbox:{PRESET}", limit=1, after=None)
        return jobs[0] if jobs else None

    return Asked("s3", newest, lambda told: (told.get("source") or {}).get("key") == key)


def by_event(stack: Stack, request: dict[str, Any], images: tuple[str, ...] | None) -> Asked:
    """Put a JobRequested on the bus: an edit, or a cheap picture where an edit is not possible."""
    wanted = {**request, "quality": "low"}
    if images:
        wanted = {**request, "operation": "edit", "prompt": EDIT_PROMPT, "images": images}
    key = secrets.token_hex(8)
    event_id = events.put(stack, {**wanted, "idempotency_key": key})
    print(f"  event {event_id}: {wanted['operation']}")
    identity = job_id("events", key)
    return Asked(
        "event", lambda table: table.get(identity), lambda told: told["request_id"] == event_id
    )


def finish(stack: Running, bus: Listener, asked: Asked) -> report.Finished:
    """Follow a job to its end, save its first output, and say all about it."""
    event = _follow(stack, bus, asked)
    if event["detail-type"] != "JobCompleted":
        report.show_event(event)
        raise LocalError(_reason(event), stack.logs)
    detail = JobCompleted.model_validate(event["detail"])
    finished = report.Finished(asked.name, detail, event, _save(stack.stack, asked.name, detail))
    report.show(finished)
    return finished


def _reason(event: Event) -> str:
    if event["detail-type"] == "JobFailed":
        failed = JobFailed.model_validate(event["detail"])
        return f"the job {failed.job_id} failed: {failed.code}: {failed.message}"
    refused = JobRejected.model_validate(event["detail"])
    return f"the request was rejected: {refused.message}"


def _follow(stack: Running, bus: Listener, asked: Asked) -> Event:
    """Show the job's record as it changes until its terminal event is off the bus."""
    jobs = JobTable(stack.stack.client("dynamodb"), stack.stack.table)
    progress = Progress(asked.name, sys.stdout, seconds=JOB_SECONDS)
    try:
        while not progress.is_late:
            stack.require_alive()
            record = asked.find(jobs)
            progress.show(record.status if record else "requested", record.checks if record else 0)
            for event in bus.receive():
                if event["detail-type"] != "JobSubmitted" and asked.is_ours(event["detail"]):
                    if record := asked.find(jobs):
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
        raise LocalError(f"{file} does not have the SHA-256 that its event names")
    return file
