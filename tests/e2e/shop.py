"""A caller of the HTTP API, as a backend would be."""

import time
from typing import Any

import httpx

JOB_SECONDS = 120
SMALL: dict[str, Any] = {"operation": "text-to-image", "quality": "low", "resolution": "1k"}


class Shop:
    """Asks by HTTP and waits by HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def ask(self, **request: Any) -> httpx.Response:
        """POST a small job; `headers` go into the headers."""
        headers = request.pop("headers", {})
        return self.client.post("/v1/jobs", json=SMALL | request, headers=headers)

    def accepted(self, **request: Any) -> dict[str, Any]:
        """POST a small job that is to be accepted; return it."""
        answer = self.ask(**request)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def get(self, job_id: str) -> dict[str, Any]:
        """The job as it is now."""
        answer = self.client.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Wait, by `?wait`, until the job has one of these statuses, or has ended."""
        job, deadline = self.get(job_id), time.monotonic() + JOB_SECONDS
        while job["status"] not in {"completed", "failed", *statuses}:
            assert time.monotonic() < deadline, job
            answer = self.client.get(f"/v1/jobs/{job_id}", params={"wait": 5})
            assert answer.status_code == 200, answer.text
            job = answer.json()
        return job

    def done(self, **request: Any) -> dict[str, Any]:
        """A job that was asked for and has ended."""
        return self.until(self.accepted(**request)["job_id"])

    def upload(self, data: bytes, content_type: str = "image/png") -> dict[str, Any]:
        """Put a file by a ticket; return the ticket."""
        body = {"content_type": content_type, "size": len(data)}
        answer = self.client.post("/v1/uploads", json=body)
        assert answer.status_code == 201, answer.text
        ticket: dict[str, Any] = answer.json()
        put = httpx.put(ticket["url"], content=data, headers=ticket["headers"], trust_env=False)
        assert put.status_code == 200, put.text
        return ticket
