"""What `make run` does: a picture from a prompt, then an edit of that picture."""

import hashlib
import secrets
import sys
from pathlib import Path
from typing import Any, Literal

from darkroom.adapters.table import JobTable
from darkroom.domain.events import JobCompleted, JobFailed, JobRejected
from darkroom.domain.job import job_id
from darkroom.domain.requests import Operation, Prompt, TextToImage
from darkroom.handlers.on_request import CALLER
from local import events, paths, report
from local.errors import LocalError
from local.events import Event, Listener
from local.progress import Progress
from local.stack import Running, Stack

EDIT_PROMPT = "The same scene at night: a full moon, the first snow falling, windows lit warm"
JOB_SECONDS = 20 * 60


class Picture(TextToImage):
    """What a person may ask of the demo, by variables named like the fields."""

    operation: Literal[Operation.TEXT_TO_IMAGE] = Operation.TEXT_TO_IMAGE
    prompt: Prompt = (
        "A small stone lighthouse on a cliff above a calm sea at dawn, long soft light, "
        "gulls, painted in gouache"
    )


def run(stack: Running, picture: Picture, *, is_real: bool) -> None:
    """Generate, edit, save and report. Raises LocalError with the reason when a job fails."""
    asked = picture.model_dump(mode="json", exclude_none=True)
    with Listener(stack.stack) as bus:
        first = run_job(stack, bus, asked)
        report.show(first)
        if is_real:
            print(report.NO_REAL_EDIT)
            return
        asset = first.detail.assets[0]
        images = [f"s3://{asset.bucket}/{asset.key}"]
        edit = {**asked, "operation": "edit", "prompt": EDIT_PROMPT, "images": images}
        report.show(run_job(stack, bus, edit))
    print(report.SIMULATED if stack.stack.provider_admin_url else "")


def run_job(stack: Running, bus: Listener, request: dict[str, Any]) -> report.Finished:
    """Send one JobRequested, follow the job to its end, save its first output."""
    name = request["operation"]
    print(f"\n{name}: {request['prompt']}")
    key = secrets.token_hex(8)
    event_id = events.put(stack.stack, {**request, "idempotency_key": key})
    event = _follow(stack, bus, name, job_id(CALLER, key), event_id)
    if event["detail-type"] == "JobCompleted":
        detail = JobCompleted.model_validate(event["detail"])
        return report.Finished(name, detail, event, _save(stack.stack, name, detail))
    report.show_event(event)
    raise LocalError(_reason(event), stack.logs)


def _reason(event: Event) -> str:
    if event["detail-type"] == "JobFailed":
        failed = JobFailed.model_validate(event["detail"])
        return f"the job {failed.job_id} failed: {failed.code}: {failed.message}"
    refused = JobRejected.model_validate(event["detail"])
    return f"the request was rejected: {refused.message}"


def _follow(stack: Running, bus: Listener, name: str, job: str, event_id: str) -> Event:
    """Show the job's record as it changes until its terminal event is off the bus."""
    jobs = JobTable(stack.stack.client("dynamodb"), stack.stack.table)
    progress = Progress(name, sys.stdout, seconds=JOB_SECONDS)
    try:
        while not progress.is_late:
            stack.require_alive()
            record = jobs.get(job)
            progress.show(record.status if record else "requested", record.checks if record else 0)
            for event in bus.receive():
                if _ends(event, event_id):
                    record = jobs.get(job)
                    if record:
                        progress.show(record.status, record.checks)
                    return event
    finally:
        progress.end()
    raise LocalError(f"the job {job} did not end within {JOB_SECONDS} seconds", stack.logs)


def _ends(event: Event, event_id: str) -> bool:
    is_ours: bool = event["detail"]["request_id"] == event_id
    return is_ours and event["detail-type"] != "JobSubmitted"


def _save(stack: Stack, name: str, detail: JobCompleted) -> Path:
    asset = detail.assets[0]
    paths.OUT.mkdir(exist_ok=True)
    file = paths.OUT / f"{detail.job_id}-{name}{Path(asset.key).suffix}"
    stack.client("s3").download_file(asset.bucket, asset.key, str(file))
    if hashlib.sha256(file.read_bytes()).hexdigest() != asset.sha256:
        raise LocalError(f"{file} does not have the SHA-256 that its event names")
    return file
