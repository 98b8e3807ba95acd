"""Build events from job records."""

from datetime import datetime
from typing import Any

from darkroom.domain.errors import Code, RejectedError, failure
from darkroom.domain.events import (
    JobCompleted,
    JobEvent,
    JobFailed,
    JobRecovered,
    JobRejected,
    JobSubmitted,
    S3Location,
    Timings,
)
from darkroom.domain.job import Job, Status
from darkroom.domain.references import S3Object


def submitted(job: Job, prediction_id: str) -> JobSubmitted:
    """Return the JobSubmitted event of a job."""
    return JobSubmitted(
        **_common_fields(job, "submitted"),
        prediction_id=prediction_id,
    )


def completed(job: Job, bucket: str) -> JobCompleted:
    """Return the JobCompleted event of a job. `bucket` is the assets bucket."""
    return JobCompleted(
        **_common_fields(job, "completed"),
        prediction_id=job.prediction_id or "",
        assets=job.assets,
        uris=tuple(f"s3://{asset.bucket}/{asset.key}" for asset in job.assets),
        manifest=S3Location(bucket=bucket, key=f"{job.prefix}/manifest.json"),
        checks=job.checks,
        timings=timings(job),
    )


def recovered(job: Job, bucket: str) -> JobRecovered:
    """Return the JobRecovered event of a job. `bucket` is the assets bucket."""
    return JobRecovered(
        **_common_fields(job, "recovered"),
        prediction_id=job.prediction_id or "",
        code=job.code or Code.INTERNAL_ERROR,
        assets=job.assets,
        uris=tuple(f"s3://{asset.bucket}/{asset.key}" for asset in job.assets),
        manifest=S3Location(bucket=bucket, key=f"{job.prefix}/manifest.json"),
        timings=timings(job),
    )


def failed(job: Job) -> JobFailed:
    """Return the JobFailed event of a job.

    It omits the provider's message, which may quote the prompt.
    """
    code = job.code or Code.INTERNAL_ERROR
    meaning = failure(code, sent=job.was_sent)
    return JobFailed(
        **_common_fields(job, "failed"),
        prediction_id=job.prediction_id,
        code=code,
        message=meaning.message,
        retryable=meaning.retryable,
        charged=job.charge,
        assets=job.assets,
        checks=job.checks,
        timings=timings(job),
    )


def rejected(
    error: RejectedError,
    *,
    caller: str,
    request_id: str,
    idempotency_key: str | None = None,
    source: S3Object | None = None,
) -> JobRejected:
    """Return the JobRejected event of a request. `source` is the rejected inbox upload."""
    return JobRejected(
        id=f"{request_id}.rejected",
        caller=caller,
        request_id=request_id,
        code=error.code,
        message=str(error),
        errors=tuple(error.problems),
        idempotency_key=idempotency_key,
        source=source and s3_location(source),
    )


def last_event(job: Job, bucket: str) -> JobEvent | None:
    """Return the last event published for a job, rebuilt from its record; None without one."""
    if job.status is Status.COMPLETED:
        return completed(job, bucket)
    if job.status is Status.FAILED:
        return recovered(job, bucket) if job.is_recovered else failed(job)
    return submitted(job, job.prediction_id) if job.prediction_id else None


def terminal_event(job: Job, detail_type: str, bucket: str) -> JobEvent | None:
    """Return a published terminal event, rebuilt from the job's record; None without such one."""
    match detail_type, job.status:
        case "JobCompleted", Status.COMPLETED:
            return completed(job, bucket)
        case "JobFailed", Status.FAILED if job.is_recovered:
            # As the event was before the late outputs.
            return failed(job.model_copy(update={"assets": (), "stored_at": None}))
        case "JobFailed", Status.FAILED:
            return failed(job)
        case "JobRecovered", Status.FAILED if job.is_recovered:
            return recovered(job, bucket)
        case _:
            return None


def event_time(job: Job, event: JobEvent) -> datetime:
    """Return when a terminal event of a job occurred."""
    moment = job.stored_at if isinstance(event, JobRecovered) else job.ended_at
    return moment or job.accepted_at


def _common_fields(job: Job, event: str) -> dict[str, Any]:
    """Return the fields that every event of a job has."""
    shared = JobEvent.model_fields.keys() & Job.model_fields.keys() - {"source"}
    return {name: getattr(job, name) for name in shared} | {
        "id": f"{job.job_id}.{event}",
        "has_callback": job.has_callback,
        "source": job.source and s3_location(job.source),
    }


def s3_location(item: S3Object) -> S3Location:
    """Return the location of an object in the format of events."""
    return S3Location(bucket=item.bucket, key=item.key, version_id=item.version_id)


def timings(job: Job) -> Timings:
    """Return the timestamps of a job."""
    return Timings.model_validate({name: getattr(job, name) for name in Timings.model_fields})
