"""A client of the HTTP API, as a backend would use it."""

import time
from typing import Any

import httpx

JOB_SECONDS = 120
SMALL: dict[str, Any] = {"operation": "text-to-image", "quality": "low", "resolution": "1k"}


class ApiClient:
    """Creates jobs and waits for them by HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def post_job(self, **request: Any) -> httpx.Response:
        """POST a low-quality job; `headers` are sent as HTTP headers."""
        headers = request.pop("headers", {})
        return self.client.post("/v1/jobs", json=SMALL | request, headers=headers)

    def create_job(self, **request: Any) -> dict[str, Any]:
        """POST a low-quality job and assert status 202; return the job."""
        response = self.post_job(**request)
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    def get_job(self, job_id: str) -> dict[str, Any]:
        """Return the current job."""
        response = self.client.get(f"/v1/jobs/{job_id}")
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        return job

    def wait_for_status(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Wait with `?wait` until the job has one of the statuses or has ended; return the job."""
        job, deadline = self.get_job(job_id), time.monotonic() + JOB_SECONDS
        while job["status"] not in {"completed", "failed", *statuses}:
            assert time.monotonic() < deadline, job
            response = self.client.get(f"/v1/jobs/{job_id}", params={"wait": 5})
            assert response.status_code == 200, response.text
            job = response.json()
        return job

    def run_job(self, **request: Any) -> dict[str, Any]:
        """Create a job and wait for its end; return the job."""
        return self.wait_for_status(self.create_job(**request)["job_id"])

    def upload(self, data: bytes, content_type: str = "image/png") -> dict[str, Any]:
        """Upload a file with a presigned upload; return the presigned upload."""
        body = {"content_type": content_type, "size": len(data)}
        response = self.client.post("/v1/uploads", json=body)
        assert response.status_code == 201, response.text
        presigned: dict[str, Any] = response.json()
        put = httpx.put(
            presigned["url"], content=data, headers=presigned["headers"], trust_env=False
        )
        assert put.status_code == 200, put.text
        return presigned
