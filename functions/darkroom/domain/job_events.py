"""From a job's record to the events that tell of it."""

from typing import Any

from darkroom.domain.errors import Code, failure
from darkroom.domain.events import (
    JobCompleted,
    JobEvent,
    JobFailed,
    JobRecovered,
    JobSubmitted,
    S3Location,
    Timings,
)
from darkroom.domain.job import Job, Status
from darkroom.domain.references import S3Object


def submitted(job: Job, prediction_id: str) -> JobSubmitted:
    """Tell that the provider has accepted `job`."""
    return JobSubmitted(
        **_about(job, "submitted"),
        prediction_id=prediction_id,
    )


def completed(job: Job, bucket: str) -> JobCompleted:
    """Tell that `job` is done; its manifest lies in `bucket`."""
    return JobCompleted(
        **_about(job, "completed"),
        prediction_id=job.prediction_id or "",
        assets=job.assets,
        uris=tuple(f"s3://{asset.bucket}/{asset.key}" for asset in job.assets),
        manifest=S3Location(bucket=bucket, key=f"{job.prefix}/manifest.json"),
        checks=job.checks,
        timings=timings(job),
    )


def recovered(job: Job, bucket: str) -> JobRecovered:
    """Tell that `job`, which had failed, has its outputs."""
    return JobRecovered(
        **_about(job, "recovered"),
        prediction_id=job.prediction_id or "",
        code=job.code or Code.INTERNAL_ERROR,
        assets=job.assets,
        uris=tuple(f"s3://{asset.bucket}/{asset.key}" for asset in job.assets),
        manifest=S3Location(bucket=bucket, key=f"{job.prefix}/manifest.json"),
        timings=timings(job),
    )


def failed(job: Job) -> JobFailed:
    """Tell that `job` has failed; not in the provider's own words, which may quote the prompt."""
    code = job.code or Code.INTERNAL_ERROR
    meaning = failure(code, sent=job.was_sent)
    return JobFailed(
        **_about(job, "failed"),
        prediction_id=job.prediction_id,
        code=code,
        message=meaning.message,
        retryable=meaning.retryable,
        charged=job.charge,
        assets=job.assets,
        checks=job.checks,
        timings=timings(job),
    )


def last(job: Job, bucket: str) -> JobEvent | None:
    """Return the event that told of `job` last, as its record has it; None if none has."""
    if job.status is Status.COMPLETED:
        return completed(job, bucket)
    if job.status is Status.FAILED:
        is_late = job.stored_at is not None and job.code is not Code.CANCELED
        return recovered(job, bucket) if is_late else failed(job)
    return submitted(job, job.prediction_id) if job.prediction_id else None


def _about(job: Job, what: str) -> dict[str, Any]:
    """Return what every event of a job says."""
    shared = JobEvent.model_fields.keys() & Job.model_fields.keys() - {"source"}
    return {name: getattr(job, name) for name in shared} | {
        "id": f"{job.job_id}.{what}",
        "source": job.source and located(job.source),
    }


def located(item: S3Object) -> S3Location:
    """Return where an object lies, as events tell it."""
    return S3Location(bucket=item.bucket, key=item.key, version_id=item.version_id)


def timings(job: Job) -> Timings:
    """Return when each part of `job` ended."""
    return Timings.model_validate({name: getattr(job, name) for name in Timings.model_fields})
