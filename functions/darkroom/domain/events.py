"""The events on the bus: their details are a contract, versioned, with S3 locations and no URLs."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.batch import Counts
from darkroom.domain.errors import Charged, Code, FieldProblem
from darkroom.domain.job import Asset
from darkroom.domain.requests import AnyModel, Edit, Operation, TextToImage

IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class S3Location(BaseModel):
    """Where an object lies."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    bucket: str
    key: str
    version_id: str | None = None


class _Event(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )

    version: Literal["1"] = "1"
    id: str = Field(description="The same at every delivery: deduplicate by it.")
    caller: str
    request_id: str = Field(description="What asked for the job: the JobRequested event's id.")


class JobEvent(_Event):
    """What every event of a job says."""

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

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    accepted_at: datetime
    submitted_at: datetime | None
    provider_completed_at: datetime | None
    stored_at: datetime | None
    ended_at: datetime | None


class JobSubmitted(JobEvent):
    """The provider has accepted the job."""

    prediction_id: str


class JobCompleted(JobEvent):
    """The job is done and its outputs are in the assets bucket."""

    prediction_id: str
    assets: tuple[Asset, ...]
    uris: tuple[str, ...] = Field(
        description="The assets as s3:// URIs: a rule can hand them on as the next job's images."
    )
    manifest: S3Location
    checks: int
    timings: Timings


class JobFailed(JobEvent):
    """The job ended without an output."""

    prediction_id: str | None
    code: Code
    message: str
    retryable: bool = Field(description="Whether asking again can help.")
    charged: Charged = Field(description="Whether the provider took money for it.")
    assets: tuple[Asset, ...] = Field(
        default=(), description="What was stored all the same, of a job canceled after its submit."
    )
    checks: int
    timings: Timings


class JobRecovered(JobEvent):
    """The outputs of a job that had been given up are in the assets bucket after all."""

    prediction_id: str
    code: Code = Field(description="Why it had been given up, as JobFailed told.")
    assets: tuple[Asset, ...]
    uris: tuple[str, ...]
    manifest: S3Location
    timings: Timings


class BudgetThresholdReached(BaseModel):
    """Most of a day's budget is spent, or held by jobs that are open."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    version: Literal["1"] = "1"
    id: str = Field(description="The same at every delivery: deduplicate by it.")
    job_id: None = None
    request_id: str = Field(description="What asked for the job that reached it.")
    day: date = Field(description="In UTC: a budget is full again at midnight.")
    caller: str = Field(description="Whose budget it is; STACK is the whole deployment's.")
    budget_micro_usd: int
    reserved_micro_usd: int

    @classmethod
    def of(
        cls, day: date, scope: str, cap: int, reserved: int, request_id: str
    ) -> "BudgetThresholdReached":
        """Build it."""
        return cls(
            id=f"budget.{day.isoformat()}.{scope}",
            request_id=request_id,
            day=day,
            caller=scope,
            budget_micro_usd=cap,
            reserved_micro_usd=reserved,
        )


class BatchCompleted(_Event):
    """Every row of a batch has ended, well or not; or it was canceled, or given up."""

    job_id: None = None
    batch_id: str
    idempotency_key: str
    name: str
    status: Literal["completed", "canceled", "failed"]
    source: S3Location
    rows: int
    progress: Counts
    spent_micro_usd: int
    uncertain_micro_usd: int = Field(description="What may have been charged, or not.")
    results_csv: S3Location | None = Field(description="null if it was given up.")
    results_jsonl: S3Location | None
    accepted_at: datetime
    ended_at: datetime


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


type Event = JobEvent | JobRejected | BatchCompleted | BudgetThresholdReached

PUBLISHED: tuple[type[BaseModel], ...] = (
    JobSubmitted,
    JobCompleted,
    JobFailed,
    JobRecovered,
    JobRejected,
    BatchCompleted,
    BudgetThresholdReached,
)
REQUESTED: tuple[type[BaseModel], ...] = (TextToImageRequested, EditRequested, ModelRequested)
