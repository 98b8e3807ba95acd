"""The batch: many jobs of one file, how far they are, and what each row came to."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Charged, Code, FieldProblem, failure
from darkroom.domain.identity import job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.references import S3Object
from darkroom.domain.rows import Row

# A start that costs more has to be confirmed, in micro-USD.
CONFIRM_ABOVE = 5_000_000
# Seconds between two looks at the rows of a batch, at least and at most.
_SOONEST, _LATEST = 5, 600


class BatchStatus(StrEnum):
    """Where a batch stands."""

    PLANNED = "planned"  # a dry run: nothing was started
    RUNNING = "running"
    CANCELING = "canceling"
    COMPLETED = "completed"  # every row has ended, well or not
    CANCELED = "canceled"
    FAILED = "failed"  # it could not be brought to its end


class RowStatus(StrEnum):
    """Where a row stands."""

    WAITING = "waiting"  # its turn to become a job has not come
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    BAD = "bad"  # never was a request


class Counts(BaseModel):
    """How many rows stand where."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    waiting: int = 0
    queued: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    canceled: int = 0
    bad: int = 0

    @property
    def open(self) -> int:
        """How many have not ended."""
        return self.waiting + self.queued + self.running

    @property
    def made(self) -> int:
        """How many ended as jobs do, by themselves."""
        return self.completed + self.failed


class RowProblem(FieldProblem):
    """One bad field of one row."""

    row: int = Field(description="Its place among the rows, from 1.")


class Batch(BaseModel):
    """One batch's record; every later change is a conditional write (see ports.Batches)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    batch_id: str
    caller: str
    can_read_all: bool = False
    request_id: str
    idempotency_key: str
    fingerprint: str
    name: str
    source: S3Object = Field(description="The file, pinned to its version.")
    rows: int
    bad_rows: int
    problems: tuple[RowProblem, ...] = Field(default=(), description="The first of them.")
    estimated_cost_micro_usd: int = Field(description="Of all rows whose price is known.")
    unpriced_rows: int = 0
    daily_budget_micro_usd: int | None = Field(default=None, description="The caller's.")
    status: BatchStatus = BatchStatus.RUNNING
    attempt: int = Field(default=1, description="Which execution it is on.")
    creation_finished: bool = Field(default=False, description="Whether every row had its turn.")
    counts: Counts = Counts()
    spent_micro_usd: int = 0
    uncertain_micro_usd: int = Field(default=0, description="What may have been charged, or not.")
    eta_seconds: int | None = Field(default=None, description="Until all have ended, as it seems.")
    canceled_at: datetime | None = None
    accepted_at: datetime
    ended_at: datetime | None = None
    published_at: datetime | None = None
    sweep_after: datetime | None = Field(default=None, description="When the sweep looks at it.")
    expires_at: int = Field(description="Unix seconds; DynamoDB deletes the record after that.")

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.status is BatchStatus.RUNNING

    def key_of(self, row: int) -> str:
        """Return the idempotency key of a row: a second run of it finds the same job."""
        return f"batch/{self.batch_id}/{row}"

    def job_of(self, row: int) -> str:
        """Return the id of the job that a row is, or will be."""
        return job_id(self.caller, self.key_of(row))


class Refusal(BaseModel):
    """Why a row, though well-formed, did not become a job."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    row: int
    code: Code
    message: str


class Result(BaseModel):
    """What a row came to: a line of the result file."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    row: int
    id: str | None
    status: RowStatus
    job_id: str | None = None
    code: Code | None = None
    message: str | None = None
    charged: Charged = Charged.NO
    cost_micro_usd: int | None = Field(default=0, description="null: not known.")
    assets: tuple[str, ...] = Field(default=(), description="s3:// URIs.")
    request: dict[str, Any] | None = None


def sentence(problems: Iterable[FieldProblem]) -> str:
    """Return what is wrong with a row, in words."""
    return "; ".join(f"{each.field or 'the row'} {each.message}" for each in problems)


def result_of(batch: Batch, row: Row, job: Job | None, refusal: Refusal | None) -> Result:
    """Return how a row stands; what there is of a job counts before anything else."""
    told: dict[str, Any] = {"row": row.number, "id": row.id, "request": row.request}
    if row.request is None:
        words, code = sentence(row.errors), Code.INVALID_REQUEST
        return Result(**told, status=RowStatus.BAD, code=code, message=words)
    if job is not None:
        return Result(**told, **_of_job(job))
    if refusal is not None:
        refused = {"status": RowStatus.FAILED, "code": refusal.code, "message": refusal.message}
        return Result(**told, **refused)
    if batch.canceled_at is not None:
        message = "The batch was canceled before this row's turn."
        return Result(**told, status=RowStatus.CANCELED, code=Code.CANCELED, message=message)
    if batch.creation_finished:
        message = "Darkroom itself failed to start it; see its logs."
        return Result(**told, status=RowStatus.FAILED, code=Code.INTERNAL_ERROR, message=message)
    return Result(**told, status=RowStatus.WAITING)


def _of_job(job: Job) -> dict[str, Any]:
    status = RowStatus.QUEUED if job.status is Status.QUEUED else RowStatus.RUNNING
    if not job.is_open:
        status = RowStatus.CANCELED if job.code is Code.CANCELED else RowStatus(str(job.status))
    return {
        "status": status,
        "job_id": job.job_id,
        "code": job.code,
        "message": job.code and failure(job.code, sent=job.was_sent).message,
        "charged": job.charge,
        "cost_micro_usd": 0 if job.charge is Charged.NO else job.estimated_cost_micro_usd,
        "assets": tuple(f"s3://{each.bucket}/{each.key}" for each in job.assets),
    }


def eta(counts: Counts, elapsed: float) -> int | None:
    """Return seconds until all rows have ended, at the pace so far; None while there is none."""
    return round(counts.open * elapsed / counts.made) if counts.made else None


def poll_interval(left: int | None, elapsed: float) -> int:
    """Return the seconds until the rows are looked at again: seldom enough to cost little.

    A quarter of the time so far, since the first pace tells little, and an eighth of what is left.
    """
    wait = elapsed / 4 if left is None else min(elapsed / 4, left / 8)
    return round(min(_LATEST, max(_SOONEST, wait)))
