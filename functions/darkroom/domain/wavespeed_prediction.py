"""A job in the form of a prediction of WaveSpeedAI's API. The prediction id is the job id."""

from collections.abc import Sequence

from darkroom.domain.errors import Code, failure
from darkroom.domain.job import Job, Status

WAVESPEED_PREFIX = "/api/v3/"  # routes under this prefix use the provider's wire format
_STATUSES = {
    Status.QUEUED: "created",
    Status.SUBMITTING: "created",
    Status.SUBMITTED: "processing",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
}
_CODES = {
    Code.MODERATED: 1200,
    Code.INVALID_REQUEST: 1401,
    Code.REJECTED: 1401,
    Code.INSUFFICIENT_CREDITS: 1407,
    Code.BUDGET_EXCEEDED: 1407,
    Code.PROVIDER_FAILED: 1405,
    Code.PROVIDER_UNAVAILABLE: 5003,
    Code.DEADLINE_EXCEEDED: 5004,
}
_INTERNAL = 5000


def prediction_status(job: Job) -> str:
    """Return the provider's word for the status of a job."""
    return "cancelled" if job.code is Code.CANCELED else _STATUSES[job.status]


def prediction(job: Job, urls: Sequence[str], api_url: str) -> dict[str, object]:
    """Return a job as a prediction. `urls`: of the stored outputs; `api_url`: root of the API."""
    ended = job.provider_completed_at or job.ended_at
    seconds = (ended - (job.submitted_at or job.accepted_at)).total_seconds() if ended else 0
    outputs = list(urls) if job.status is Status.COMPLETED else []
    result: dict[str, object] = {
        "id": job.job_id,
        "model": job.model,
        "status": prediction_status(job),
        "outputs": outputs,
        "urls": {"get": f"{api_url}{WAVESPEED_PREFIX}predictions/{job.job_id}/result"},
        "has_nsfw_contents": [False] * len(outputs),
        "created_at": job.accepted_at.isoformat().replace("+00:00", "Z"),
        "error": "",
        "timings": {"inference": round(seconds * 1000)},
        "executionTime": round(seconds * 1000),
    }
    if job.code is not None:
        result["error"] = job.detail or failure(job.code, sent=job.was_sent).message
        result["code"] = _CODES.get(job.code, _INTERNAL)
    return result
