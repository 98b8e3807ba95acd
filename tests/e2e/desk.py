"""Asks the stack for jobs as a user would, and looks at what came of them."""

import hashlib
import io
import json
from typing import Any

import httpx

from darkroom.adapters.table import JobTable
from darkroom.domain.callers import Role
from darkroom.domain.job import Job
from local import keys
from local.events import Event, Listener, put
from local.stack import Stack

JOB_SECONDS = 120
EVENTS = "events"  # the caller that the stack's own rule names
TERMINAL = ("JobCompleted", "JobFailed", "JobRejected")


class Desk:
    """Puts requests on the bus and waits for what comes back."""

    def __init__(self, stack: Stack, bus: Listener) -> None:
        self.stack = stack
        self.bus = bus
        self.s3 = stack.client("s3")
        self._jobs = JobTable(stack.client("dynamodb"), stack.table)

    def ask(self, detail: object = None, **request: object) -> str:
        """Send a JobRequested event; return its id."""
        if detail is None:
            small = {"operation": "text-to-image", "quality": "low", "resolution": "1k"}
            detail = small | request
        return put(self.stack, detail)

    def outcome(self, event_id: str) -> Event:
        """The terminal event of what was asked."""
        return self.bus.wait_for(
            lambda event: (
                event["detail"]["request_id"] == event_id and event["detail-type"] in TERMINAL
            ),
            seconds=JOB_SECONDS,
            what=f"the end of {event_id}",
        )

    def drop(self, key: str, body: bytes, **metadata: str) -> str:
        """Put an object into the inbox, dashes in metadata as underscores; return its version."""
        named = {name.replace("_", "-"): value for name, value in metadata.items()}
        answer = self.s3.put_object(
            Bucket=self.stack.inbox_bucket, Key=key, Body=body, Metadata=named
        )
        version: str = answer["VersionId"]
        return version

    def outcome_of_upload(self, key: str, version: str) -> Event:
        """The terminal event of an upload."""
        return self.bus.wait_for(
            lambda event: (
                event["detail-type"] in TERMINAL
                and (event["detail"].get("source") or {}).get("key") == key
                and event["detail"]["source"]["version_id"] == version
            ),
            seconds=JOB_SECONDS,
            what=f"the end of {key}",
        )

    def outcome_of_job(self, job_id: str) -> Event:
        """The terminal event of a job."""
        return self.bus.wait_for(
            lambda event: event["detail"]["job_id"] == job_id and event["detail-type"] in TERMINAL,
            seconds=JOB_SECONDS,
            what=f"the end of {job_id}",
        )

    def key(self, name: str, role: Role = Role.SUBMIT, **more: Any) -> str:
        """A new API key."""
        token, _ = keys.create(self.stack.client("dynamodb"), self.stack.table, name, role, **more)
        return token

    def http(self, token: str) -> httpx.Client:
        """A client of the API with a key."""
        return httpx.Client(
            base_url=self.stack.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )

    def run(self, detail: object = None, **request: object) -> Event:
        """Ask, and wait for the end."""
        return self.outcome(self.ask(detail, **request))

    def job(self, job_id: str) -> Job:
        """The job's record."""
        job = self.find(job_id)
        assert job is not None
        return job

    def find(self, job_id: str) -> Job | None:
        """The job's record, if there is one yet."""
        return self._jobs.get(job_id)

    def body(self, asset: dict[str, Any]) -> bytes:
        """The bytes of a stored asset."""
        answer = self.s3.get_object(Bucket=asset["bucket"], Key=asset["key"])
        data: bytes = answer["Body"].read()
        return data

    def bucket(self, name: str) -> str:
        """A bucket beside the stack."""
        self.s3.create_bucket(Bucket=name)
        return name

    def admin(self, path: str, **query: str) -> Any:
        """What the simulator knows."""
        answer = httpx.get(f"{self.stack.provider_admin_url}/{path}", params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def charged(self) -> int:
        """How many charges there were in all."""
        return sum(entry["kind"] == "deduct" for entry in self.admin("ledger")["entries"])

    def charges(self, prediction_id: str) -> int:
        """How often a prediction was charged."""
        return sum(
            entry["kind"] == "deduct" and entry["prediction"] == prediction_id
            for entry in self.admin("ledger")["entries"]
        )

    def posts(self, words: str) -> list[dict[str, Any]]:
        """The submits that the provider received with these words in their prompt."""
        return [
            request
            for request in self.admin("requests", origin="api", method="POST")
            if words in json.dumps(request["body"])
        ]

    def execution_events(self, job_id: str) -> list[dict[str, Any]]:
        """The history of the job's execution."""
        machine = self.stack.state_machine_arn
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{job_id}"
        states = self.stack.client("stepfunctions")
        pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def picture(width: int = 320, height: int = 240) -> bytes:
    """A small real PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 120, 40)).save(file, "PNG")
    return file.getvalue()
