"""A client of the deployed stack: requests jobs and reads events, records, assets and charges."""

import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.domain.callers import Role
from darkroom.domain.job import Job
from darkroom_cli.operator.keys import TableKeys
from local.events import Event, Listener, put
from local.stack import Stack
from local.waiting import until

JOB_SECONDS = 120
EVENTS = "events"  # the caller that the rule of the stack sets
TERMINAL = ("JobCompleted", "JobFailed", "JobRejected")


class Deployment:
    """Requests jobs by events or uploads, waits for their end, and reads the state of the stack."""

    def __init__(self, stack: Stack, bus: Listener) -> None:
        self.stack = stack
        self.bus = bus
        self.s3 = stack.client("s3")
        self._jobs = JobTable(stack.client("dynamodb"), stack.table)

    def request_job(self, detail: object = None, **request: object) -> str:
        """Send a JobRequested event; return its id."""
        if detail is None:
            defaults = {"operation": "text-to-image", "quality": "low", "resolution": "1k"}
            detail = defaults | request
        return put(self.stack, detail)

    def wait_for_request(self, event_id: str) -> Event:
        """Wait for the terminal event of a request; return the event."""
        return self.bus.wait_for(
            lambda event: (
                event["detail"]["request_id"] == event_id and event["detail-type"] in TERMINAL
            ),
            seconds=JOB_SECONDS,
            what=f"the end of {event_id}",
        )

    def put_to_inbox(self, key: str, body: bytes, **metadata: str) -> str:
        """Put an object into the inbox; return its version. Metadata names have `_` for `-`."""
        header_metadata = {name.replace("_", "-"): value for name, value in metadata.items()}
        response = self.s3.put_object(
            Bucket=self.stack.inbox_bucket, Key=key, Body=body, Metadata=header_metadata
        )
        version: str = response["VersionId"]
        return version

    def wait_for_upload(self, key: str, version: str, seconds: float = JOB_SECONDS) -> Event:
        """Wait for the terminal event of an upload; return the event."""
        return self.bus.wait_for(
            lambda event: (
                event["detail-type"] in TERMINAL
                and (event["detail"].get("source") or {}).get("key") == key
                and event["detail"]["source"]["version_id"] == version
            ),
            seconds=seconds,
            what=f"the end of {key}",
        )

    def log_lines(self, pattern: str = "", *, since: int = 0) -> Iterator[str]:
        """Return the log lines of all functions, since a time in ms of the Unix epoch.

        The emulator returns at most 10,000 lines of a log group, the oldest first.
        """
        logs: Any = self.stack.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            for event in logs.filter_log_events(
                logGroupName=group["logGroupName"], filterPattern=pattern, startTime=since
            )["events"]:
                yield event["message"].strip()

    def wait_for_job(self, job_id: str) -> Event:
        """Wait for the terminal event of a job; return the event."""
        return self.bus.wait_for(
            lambda event: event["detail"]["job_id"] == job_id and event["detail-type"] in TERMINAL,
            seconds=JOB_SECONDS,
            what=f"the end of {job_id}",
        )

    def wait_for_thumbnail(self, job_id: str) -> None:
        """Wait until the last function that writes a file of a completed job has ended."""
        bucket, prefix = self.stack.assets_bucket, f"thumbnails/{job_id}/"
        until(
            lambda: self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents"),
            seconds=60,
            what=f"the thumbnail of {job_id}",
        )

    def create_key(self, name: str, role: Role = Role.SUBMIT, **options: Any) -> str:
        """Create an API key; return its token."""
        keys = TableKeys(self.stack.client, self.stack.table, self.stack.audit_log)
        created = keys.create({"name": name, "role": role, "unlimited": True, **options})
        return str(created["key"])

    def http_client(self, token: str) -> httpx.Client:
        """Return an HTTP client of the API with a key."""
        return httpx.Client(
            base_url=self.stack.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )

    def run_job(self, detail: object = None, **request: object) -> Event:
        """Request a job and wait for its terminal event; return the event."""
        return self.wait_for_request(self.request_job(detail, **request))

    def job(self, job_id: str) -> Job:
        """Return the record of a job."""
        job = self.find_job(job_id)
        assert job is not None
        return job

    def find_job(self, job_id: str) -> Job | None:
        """Return the record of a job, or None."""
        return self._jobs.get(job_id)

    def asset_bytes(self, asset: dict[str, Any]) -> bytes:
        """Return the bytes of a stored asset."""
        response = self.s3.get_object(Bucket=asset["bucket"], Key=asset["key"])
        data: bytes = response["Body"].read()
        return data

    def create_bucket(self, name: str) -> str:
        """Create a bucket outside the stack; return its name."""
        self.s3.create_bucket(Bucket=name)
        return name

    def query_simulator(self, path: str, **query: str) -> Any:
        """Return a document of the simulator's admin API."""
        response = httpx.get(f"{self.stack.provider_admin_url}/{path}", params=query, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def charge_count(self) -> int:
        """Return the number of all charges."""
        return sum(entry["kind"] == "deduct" for entry in self.query_simulator("ledger")["entries"])

    def charges_of(self, prediction_id: str) -> int:
        """Return the number of charges of a prediction."""
        return sum(
            entry["kind"] == "deduct" and entry["prediction"] == prediction_id
            for entry in self.query_simulator("ledger")["entries"]
        )

    def submits_with(self, content: str) -> list[dict[str, Any]]:
        """Return the submits that the provider received whose body contains the text."""
        return [
            request
            for request in self.query_simulator("requests", origin="api", method="POST")
            if content in json.dumps(request["body"])
        ]

    def execution_events(self, job_id: str) -> list[dict[str, Any]]:
        """Return the history of a job's execution."""
        machine = self.stack.state_machine_arn
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{job_id}"
        states = self.stack.client("stepfunctions")
        pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def sha256(data: bytes) -> str:
    """Return the hex digest of the data."""
    return hashlib.sha256(data).hexdigest()


def png_image(width: int = 320, height: int = 240) -> bytes:
    """Return a valid PNG of the given size in pixels."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 120, 40)).save(file, "PNG")
    return file.getvalue()
