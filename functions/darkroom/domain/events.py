"""The events on the bus: their details are a contract, versioned, with S3 locations and no URLs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.errors import Charged, Code, FieldProblem, failure
from darkroom.domain.job import Asset, Job
from darkroom.domain.references import S3Object
from darkroom.domain.requests import AnyModel, Edit, Operation, TextToImage

SOURCE = "darkroom"

IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class S3Location(BaseModel):
    """Where an object lies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bucket: str
    key: str
    version_id: str | None = None


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Literal["1"] = "1"
    id: str = Field(description="The same at every delivery: deduplicate by it.")
    caller: str
    request_id: str = Field(description="What asked for the job: the JobRequested event's id.")


class _JobEvent(_Event):
    job_id: str
    idempotency_key: str = Field(description="The sender's own key, or else the request's id.")
    operation: Operation
    model: str
    source: S3Location | None = Field(
        default=None, description="The upload that asked for it; null at the other doors."
    )
    estimated_cost_micro_usd: int | None = Field(description="null: no price is known, not zero.")


class Timings(BaseModel):
    """When each part of a job ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accepted_at: datetime
    submitted_at: datetime | None
    provider_completed_at: datetime | None
    stored_at: datetime | None
    ended_at: datetime | None


class JobSubmitted(_JobEvent):
    """The provider has accepted the job."""

    prediction_id: str


class JobCompleted(_JobEvent):
    """The job is done and its outputs are in the assets bucket."""

    prediction_id: str
    assets: tuple[Asset, ...]
    uris: tuple[str, ...] = Field(
        description="The assets as s3:// URIs: a rule can hand them on as the next job's images."
    )
    manifest: S3Location
    checks: int
    timings: Timings


class JobFailed(_JobEvent):
    """The job ended without an output."""

    prediction_id: str | None
    code: Code
    message: str
    detail: str | None = Field(description="The provider's own words, where it gave any.")
    retryable: bool = Field(description="Whether asking again can help.")
    charged: Charged = Field(description="Whether the provider took money for it.")
    assets: tuple[Asset, ...] = Field(
        default=(), description="What was stored all the same, of a job canceled after its submit."
    )
    checks: int
    timings: Timings


class JobRejected(_Event):
    """A request that never became a job: nothing was started, nothing is charged."""

    job_id: None = None
    code: Code = Code.INVALID_REQUEST
    message: str
    errors: tuple[FieldProblem, ...] = Field(description="One entry a bad field.")
    idempotency_key: str | None = None
    source: S3Location | None = Field(default=None, description="The upload that was refused.")


class _Requested(BaseModel):
    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="The same key asks for the same job; default: the event's id."
    )


class TextToImageRequested(TextToImage, _Requested):
    """JobRequested for a picture from a prompt."""


class EditRequested(Edit, _Requested):
    """JobRequested for an edit of reference images."""


class ModelRequested(AnyModel, _Requested):
    """JobRequested for any other model of the provider."""


type Event = JobSubmitted | JobCompleted | JobFailed | JobRejected

PUBLISHED: tuple[type[BaseModel], ...] = (JobSubmitted, JobCompleted, JobFailed, JobRejected)
REQUESTED: tuple[type[BaseModel], ...] = (TextToImageRequested, EditRequested, ModelRequested)


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


def failed(job: Job) -> JobFailed:
    """Tell that `job` has failed."""
    code = job.code or Code.INTERNAL_ERROR
    meaning = failure(code, sent=job.was_sent)
    return JobFailed(
        **_about(job, "failed"),
        prediction_id=job.prediction_id,
        code=code,
        message=meaning.message,
        detail=job.detail,
        retryable=meaning.retryable,
        charged=job.charge,
        assets=job.assets,
        checks=job.checks,
        timings=timings(job),
    )


def _about(job: Job, what: str) -> dict[str, Any]:
    """Return what every event of a job says."""
    shared = _JobEvent.model_fields.keys() & Job.model_fields.keys() - {"source"}
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
