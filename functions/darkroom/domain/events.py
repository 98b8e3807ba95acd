"""The events on the bus: a versioned public contract, with S3 locations instead of URLs."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.batch import Counts
from darkroom.domain.errors import Charged, Code, FieldProblem
from darkroom.domain.job import Asset
from darkroom.domain.requests import AnyModel, Edit, Operation, TextToImage

IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=256)]

_ID = "Stable across deliveries. Delivery is at least once: deduplicate by `id`."


class S3Location(BaseModel):
    """The location of an S3 object."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    bucket: str
    key: str
    version_id: str | None = Field(default=None, description="null: not pinned to a version.")


class _Event(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )

    version: Literal["1"] = "1"
    id: str = Field(description=_ID)
    caller: str = Field(description="The owner of the job or batch.")
    request_id: str = Field(
        description="Id of the event, HTTP request or S3 notification behind this event."
    )


class JobEvent(_Event):
    """The fields of every job event."""

    job_id: str
    idempotency_key: str = Field(description="The caller's idempotency key, or a generated one.")
    operation: Operation
    model: str = Field(description="WaveSpeed's model id.")
    source: S3Location | None = Field(
        default=None, description="The inbox upload that created the job; null for other jobs."
    )
    chain_id: str | None = Field(
        default=None, description="The job's chain; null for a job without further steps."
    )
    step: int | None = Field(
        default=None, description="Number of the job's step in the chain; 0 is the first job."
    )
    estimated_cost_micro_usd: int | None = Field(
        description="Estimated cost in micro-USD. null: the price is not known."
    )
    has_callback: bool = Field(
        default=False, description="Whether Darkroom posts the job's terminal events to a URL."
    )


class Timings(BaseModel):
    """The timestamps of a job. null: not reached."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    accepted_at: datetime = Field(description="Darkroom accepted the job.")
    submitted_at: datetime | None = Field(description="WaveSpeed accepted the job.")
    provider_completed_at: datetime | None = Field(
        description="A check found the job completed at WaveSpeed."
    )
    stored_at: datetime | None = Field(description="All outputs were in the assets bucket.")
    ended_at: datetime | None = Field(description="The job completed or failed.")


class JobSubmitted(JobEvent):
    """WaveSpeed has accepted the job."""

    prediction_id: str = Field(description="WaveSpeed's id of the job.")


class JobCompleted(JobEvent):
    """The job has completed and its outputs are in the assets bucket."""

    prediction_id: str = Field(description="WaveSpeed's id of the job.")
    assets: tuple[Asset, ...] = Field(description="The stored outputs.")
    uris: tuple[str, ...] = Field(
        description="The assets as s3:// URIs. A rule can pass them on as the next job's `images`."
    )
    manifest: S3Location = Field(
        description="A JSON file with the request, the outputs and the cost."
    )
    checks: int = Field(description="Number of polls of WaveSpeed for this job.")
    timings: Timings


class JobFailed(JobEvent):
    """The job has failed or was canceled."""

    prediction_id: str | None = Field(
        description="WaveSpeed's id of the job. null: not submitted, or not known."
    )
    code: Code = Field(description="Why the job failed.")
    message: str = Field(description="The reason in words, and what to do.")
    retryable: bool = Field(description="Whether a new request with the same content may succeed.")
    charged: Charged = Field(description="Whether WaveSpeed charged the job.")
    assets: tuple[Asset, ...] = Field(
        default=(), description="The stored outputs. Only a job canceled after submission has any."
    )
    checks: int = Field(description="Number of polls of WaveSpeed for this job.")
    timings: Timings


class JobRecovered(JobEvent):
    """WaveSpeed delivered the outputs of a failed job late. They are in the assets bucket.

    The status of the job stays `failed`.
    """

    prediction_id: str = Field(description="WaveSpeed's id of the job.")
    code: Code = Field(description="The code of the earlier JobFailed event.")
    assets: tuple[Asset, ...] = Field(description="The stored outputs.")
    uris: tuple[str, ...] = Field(description="The assets as s3:// URIs.")
    manifest: S3Location = Field(
        description="A JSON file with the request, the outputs and the cost."
    )
    timings: Timings


class ChainOutputs(BaseModel):
    """A finished step of a chain, with its outputs."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    step: int = Field(description="Number of the step; 0 is the first job.")
    job_id: str
    operation: Operation
    model: str = Field(description="WaveSpeed's model id.")
    assets: tuple[Asset, ...] = Field(description="The stored outputs.")
    uris: tuple[str, ...] = Field(description="The assets as s3:// URIs.")


class _ChainEvent(_Event):
    """The fields of both events at the end of a chain."""

    chain_id: str = Field(description="Id of the chain, which is that of its first job.")
    attempt: int = Field(description="How often the chain was resumed.")
    idempotency_key: str = Field(description="The idempotency key of the first job.")
    batch_id: str | None = Field(description="The batch of the chain; null for other chains.")
    source: S3Location | None = Field(
        description="The inbox upload that created the chain; null for other chains."
    )
    steps: int = Field(description="Number of steps, the first job included.")
    finished: tuple[ChainOutputs, ...] = Field(description="The finished steps, in order.")
    estimated_cost_micro_usd: int | None = Field(
        description="Estimated cost of all steps in micro-USD. null: a price is not known."
    )
    spent_micro_usd: int = Field(description="Cost of the charged jobs in micro-USD.")
    uncertain_micro_usd: int = Field(
        description="Cost in micro-USD of jobs that may have been charged (`charged` is `maybe`)."
    )
    has_callback: bool = Field(
        default=False, description="Whether Darkroom posts the chain's terminal events to a URL."
    )
    accepted_at: datetime
    ended_at: datetime


class ChainCompleted(_ChainEvent):
    """Every step of a chain has completed."""

    job_id: str = Field(description="The job of the last step.")
    assets: tuple[Asset, ...] = Field(description="The stored outputs of the last step.")
    uris: tuple[str, ...] = Field(description="The outputs of the last step as s3:// URIs.")


class ChainFailed(_ChainEvent):
    """A chain has failed or was canceled. `finished` lists the completed steps."""

    job_id: str = Field(
        description="The job of the step that failed; the first job, if the step has no job."
    )
    step: int = Field(description="Number of the step that has not completed; 0 is the first job.")
    code: Code = Field(description="Why the chain failed.")
    message: str = Field(description="The reason in words, and what to do.")
    retryable: bool = Field(description="Whether a resume may succeed without a change.")


class BudgetThresholdReached(BaseModel):
    """80 % of a daily budget is spent or reserved. Published once per day and budget."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    version: Literal["1"] = "1"
    id: str = Field(description=_ID)
    job_id: None = None
    request_id: str = Field(description="Id of the request whose job reached the threshold.")
    day: date = Field(description="Day of the budget, in UTC. Budgets reset at midnight UTC.")
    caller: str = Field(description="The owner of the budget. `STACK`: the deployment's budget.")
    budget_micro_usd: int = Field(description="The daily budget in micro-USD.")
    reserved_micro_usd: int = Field(
        description="Amount spent, or reserved by open jobs, in micro-USD."
    )

    @classmethod
    def of(
        cls, day: date, scope: str, cap: int, reserved: int, request_id: str
    ) -> "BudgetThresholdReached":
        """Return the event for the budget of `scope`. Amounts are in micro-USD."""
        return cls(
            id=f"budget.{day.isoformat()}.{scope}",
            request_id=request_id,
            day=day,
            caller=scope,
            budget_micro_usd=cap,
            reserved_micro_usd=reserved,
        )


class BatchCompleted(_Event):
    """A batch has ended."""

    job_id: None = None
    batch_id: str
    idempotency_key: str = Field(description="The caller's idempotency key, or a generated one.")
    name: str
    status: Literal["completed", "canceled", "failed"] = Field(
        description="`completed`: every row has ended, with or without success. `failed`: Darkroom "
        "could not finish the batch, and it has no results."
    )
    source: S3Location = Field(description="The batch file.")
    rows: int = Field(description="Number of rows in the batch file.")
    progress: Counts
    spent_micro_usd: int = Field(description="Cost of the charged jobs in micro-USD.")
    uncertain_micro_usd: int = Field(
        description="Cost in micro-USD of jobs that may have been charged (`charged` is `maybe`)."
    )
    results_csv: S3Location | None = Field(
        description="The results as CSV; null if the batch failed."
    )
    results_jsonl: S3Location | None = Field(
        description="The results as JSON Lines; null if the batch failed."
    )
    accepted_at: datetime
    ended_at: datetime


class JobRejected(_Event):
    """A request was rejected. No job was created and nothing is charged."""

    job_id: None = None
    code: Code = Field(default=Code.INVALID_REQUEST, description="Why the request was rejected.")
    message: str = Field(description="All errors in words.")
    errors: tuple[FieldProblem, ...] = Field(description="One entry for each invalid field.")
    idempotency_key: str | None = Field(default=None, description="The caller's idempotency key.")
    source: S3Location | None = Field(
        default=None, description="The rejected inbox upload; null for other requests."
    )


class _Requested(BaseModel):
    idempotency_key: IdempotencyKey | None = Field(
        default=None,
        description="Requests with the same key are the same job. Default: the event's id.",
    )


class TextToImageRequested(TextToImage, _Requested):
    """A JobRequested event that generates an image from a prompt."""


class EditRequested(Edit, _Requested):
    """A JobRequested event that generates an image from a prompt and reference images."""


class ModelRequested(AnyModel, _Requested):
    """A JobRequested event that runs any other model of WaveSpeed."""


type Event = (
    JobEvent | ChainCompleted | ChainFailed | JobRejected | BatchCompleted | BudgetThresholdReached
)

PUBLISHED: tuple[type[BaseModel], ...] = (
    JobSubmitted,
    JobCompleted,
    JobFailed,
    JobRecovered,
    JobRejected,
    ChainCompleted,
    ChainFailed,
    BatchCompleted,
    BudgetThresholdReached,
)
REQUESTED: tuple[type[BaseModel], ...] = (TextToImageRequested, EditRequested, ModelRequested)
