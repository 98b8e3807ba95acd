"""Batches: many jobs from one file, their progress, and the result of each row."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import Charged, Code, FieldProblem, failure, sentence
from darkroom.domain.identity import job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.references import S3Object
from darkroom.domain.rows import Row, at_row
from darkroom.domain.zips import ZipPart, zip_folder

# A batch with a higher estimated cost, in micro-USD, needs a confirmation.
CONFIRM_ABOVE = 5_000_000
# Limits of the seconds between two runs of CollectBatch.
_MIN_INTERVAL, _MAX_INTERVAL = 5, 600
# One slow row can stay open for a day while the estimate says seconds. So the shortest interval
# grows with the elapsed time. Otherwise the execution would reach its limit of 25,000 events.
_MIN_INTERVAL_SHARE = 1 / 60


class BatchStatus(StrEnum):
    """The status of a batch. `planned` is a dry run; `completed` includes failed rows."""

    PLANNED = "planned"  # a dry run: no job is created
    RUNNING = "running"
    CANCELING = "canceling"
    COMPLETED = "completed"  # every row has ended, with or without success
    CANCELED = "canceled"
    FAILED = "failed"  # Darkroom could not finish the batch


class RowStatus(StrEnum):
    """The status of a row. `waiting` has no job yet; `bad` is an invalid row."""

    WAITING = "waiting"  # has no job yet
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    BAD = "bad"  # not a valid request


class Counts(BaseModel):
    """The number of rows by status."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    waiting: int = Field(default=0, description="Rows that have no job yet.")
    queued: int = Field(default=0, description="Jobs in the submit queue.")
    running: int = Field(default=0, description="Jobs at WaveSpeed, or storing their outputs.")
    completed: int = 0
    failed: int = 0
    canceled: int = 0
    bad: int = Field(default=0, description="Rows that are not valid requests.")

    @property
    def open(self) -> int:
        """The number of rows that have not ended."""
        return self.waiting + self.queued + self.running

    @property
    def finished(self) -> int:
        """The number of rows that completed or failed."""
        return self.completed + self.failed


class RowProblem(FieldProblem):
    """An invalid field of a row."""

    row: int = Field(description="Row number, starting at 1.")
    line: int | None = Field(
        default=None,
        description="Line of the file on which the row begins. null: the file is a JSON list.",
    )


class RequestPreview(BaseModel):
    """The request of a row, exactly as WaveSpeed will receive it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    row: int = Field(description="Row number, starting at 1.")
    id: str | None = Field(description="The row's own id.")
    model: str = Field(description="WaveSpeed's model id.")
    input: dict[str, object] = Field(description="The model's input, without reference images.")
    references: tuple[str, ...] = Field(
        description="The reference images as in the file; base64 is given by its length."
    )


class BatchColumn(BaseModel):
    """A column of a batch file."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    name: str
    field: str | None = Field(
        description="The request field that the column sets, or `id`. null: the column is data."
    )
    in_prompt: bool = Field(description="Whether the prompt template names the column.")
    samples: tuple[str, ...] = Field(description="Values of the first three rows, cut.")


class Batch(BaseModel):
    """A batch's record. Every later change is a conditional write (see ports.Batches)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    batch_id: str
    caller: str
    can_read_all: bool = False
    key_id: str | None = Field(default=None, description="The API key that started the batch.")
    request_id: str
    idempotency_key: str
    fingerprint: str
    name: str
    source: S3Object = Field(description="The batch file, pinned to its version.")
    rows: int
    bad_rows: int
    problems: tuple[RowProblem, ...] = Field(
        default=(), description="The first problems; the results have all."
    )
    warnings: tuple[str, ...] = Field(
        default=(), description="What is valid in the file, but probably not intended."
    )
    estimated_cost_micro_usd: int = Field(description="Of all rows with a known price.")
    unpriced_rows: int = 0
    status: BatchStatus = BatchStatus.RUNNING
    attempt: int = Field(default=1, description="Number of the current execution.")
    creation_finished: bool = Field(
        default=False, description="Whether CreateRows has processed every row."
    )
    counts: Counts = Counts()
    spent_micro_usd: int = 0
    uncertain_micro_usd: int = Field(
        default=0, description="Cost of the jobs that may have been charged."
    )
    eta_seconds: int | None = Field(
        default=None, description="Estimated seconds until every row has ended."
    )
    canceled_at: datetime | None = None
    accepted_at: datetime
    zip_parts: tuple[ZipPart, ...] = Field(
        default=(), description="The zip files of the outputs, whether they exist or not."
    )
    zips_requested_at: datetime | None = None
    zip_generation: int = Field(
        default=0,
        description="Number of erasures. A run of ZipBatch that began before an erasure writes to a"
        " folder that is no longer read.",
    )
    ended_at: datetime | None = None
    published_at: datetime | None = None
    sweep_after: datetime | None = Field(
        default=None, description="When the sweep inspects the batch."
    )
    expires_at: int = Field(description="Unix seconds; DynamoDB deletes the record after that.")

    @property
    def is_open(self) -> bool:
        """Whether the batch has not ended."""
        return self.status is BatchStatus.RUNNING

    @property
    def zip_folder(self) -> str:
        """The prefix of the keys of the zip files in the assets bucket."""
        return f"{zip_folder(self.batch_id)}{self.zip_generation}/"

    def key_of(self, row: int) -> str:
        """Return the idempotency key of a row, so that a second run finds the same job."""
        return f"batch/{self.batch_id}/{row}"

    @staticmethod
    def row_of(key: str) -> int:
        """Return the row of an idempotency key from `key_of`."""
        return int(key.rpartition("/")[2])

    def job_of(self, row: int) -> str:
        """Return the id of a row's job, whether it exists or not."""
        return job_id(self.caller, self.key_of(row))


class Refusal(BaseModel):
    """Why a valid row did not become a job."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    row: int
    code: Code
    message: str


class Result(BaseModel):
    """The result of a row: one line of the result file."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    row: int
    id: str | None
    status: RowStatus
    job_id: str | None = None
    code: Code | None = None
    message: str | None = None
    charged: Charged = Charged.NO
    cost_micro_usd: int | None = Field(default=0, description="null: the price is not known.")
    # A chain can have both; the result file has their sum.
    spent_micro_usd: int = Field(default=0, exclude=True)
    uncertain_micro_usd: int = Field(default=0, exclude=True)
    assets: tuple[str, ...] = Field(default=(), description="s3:// URIs.")
    sizes: tuple[int, ...] = Field(default=(), exclude=True)  # of the assets, in bytes
    request: dict[str, Any] | None = Field(
        default=None, description="The row's request, without `callback_url`."
    )


def result_of(
    batch: Batch,
    row: Row,
    job: Job | None,
    refusal: Refusal | None,
    chain: ChainState | None = None,
) -> Result:
    """Return the result of a row: of its chain, or of its job, before that of a refusal."""
    # The URL may contain a secret, of the row or of the API key that started the batch.
    request = row.request and {n: v for n, v in row.request.items() if n != "callback_url"}
    fields: dict[str, Any] = {"row": row.number, "id": row.id, "request": request}
    if row.request is None:
        message, code = at_row(row.number, sentence(row.errors)), Code.INVALID_REQUEST
        return Result(**fields, status=RowStatus.BAD, code=code, message=message)
    if chain is not None:
        return Result(**fields, **_chain_fields(chain))
    if job is not None:
        return Result(**fields, **_job_fields(job))
    if refusal is not None:
        refused = {"status": RowStatus.FAILED, "code": refusal.code, "message": refusal.message}
        return Result(**fields, **refused)
    if batch.canceled_at is not None:
        message = "The batch was canceled before this row was started."
        return Result(**fields, status=RowStatus.CANCELED, code=Code.CANCELED, message=message)
    if batch.creation_finished:
        message = (
            "Darkroom failed to start this row. Run the row again in a new batch, or ask the"
            " operator to check the logs."
        )
        return Result(**fields, status=RowStatus.FAILED, code=Code.INTERNAL_ERROR, message=message)
    return Result(**fields, status=RowStatus.WAITING)


def without_content(line: bytes, job_id: str) -> bytes:
    """Return a line of the result file; that of the job has neither its request nor its assets."""
    if job_id.encode() not in line:
        return line
    result = Result.model_validate_json(line)
    if result.job_id != job_id:
        return line
    erased = result.model_copy(update={"request": None, "assets": ()})
    return erased.model_dump_json().encode() + b"\n"


def _job_fields(job: Job) -> dict[str, Any]:
    status = RowStatus.QUEUED if job.status is Status.QUEUED else RowStatus.RUNNING
    if not job.is_open:
        status = RowStatus.CANCELED if job.code is Code.CANCELED else RowStatus(str(job.status))
    cost = job.estimated_cost_micro_usd or 0
    return {
        "status": status,
        "job_id": job.job_id,
        "code": job.code,
        "message": job.code and failure(job.code, sent=job.was_sent).message,
        "charged": job.charge,
        "cost_micro_usd": 0 if job.charge is Charged.NO else job.estimated_cost_micro_usd,
        "spent_micro_usd": cost if job.charge is Charged.YES else 0,
        "uncertain_micro_usd": cost if job.charge is Charged.MAYBE else 0,
        "assets": tuple(f"s3://{asset.bucket}/{asset.key}" for asset in job.assets),
        "sizes": tuple(asset.size for asset in job.assets),
    }


def _chain_fields(chain: ChainState) -> dict[str, Any]:
    """Return the result of a chain: the outputs of its last job, and the cost of all jobs."""
    last = chain.jobs[-1] if chain.jobs else chain.root
    status = RowStatus.QUEUED if last.status is Status.QUEUED else RowStatus.RUNNING
    if not chain.root.has_open_chain:
        # A canceled job of the chain may still run: its outputs are stored.
        status = RowStatus.RUNNING if last.is_open else RowStatus(str(chain.status))
    spent, uncertain = chain.cost(Charged.YES), chain.cost(Charged.MAYBE)
    failed = chain.failure
    charged = Charged.MAYBE if uncertain else Charged.YES if spent else Charged.NO
    return {
        "status": status,
        "job_id": chain.root.job_id,
        "code": failed and failed.code,
        "message": failed and failed.message,
        "charged": charged,
        "cost_micro_usd": spent + uncertain,
        "spent_micro_usd": spent,
        "uncertain_micro_usd": uncertain,
        "assets": tuple(f"s3://{asset.bucket}/{asset.key}" for asset in last.assets),
        "sizes": tuple(asset.size for asset in last.assets),
    }


def eta(counts: Counts, elapsed: float) -> int | None:
    """Return the estimated seconds until every row has ended; None until one has ended.

    `elapsed` is the seconds since the batch was accepted. The estimate assumes a constant rate.
    """
    return round(counts.open * elapsed / counts.finished) if counts.finished else None


def collect_interval(remaining: int | None, elapsed: float) -> int:
    """Return the seconds until the next run of CollectBatch, from 5 to 600.

    The interval is a quarter of the elapsed time, because early rates are imprecise, but at most an
    eighth of the estimated remaining time, and at least a sixtieth of the elapsed time. Few runs
    keep the cost low.
    """
    wait = elapsed / 4 if remaining is None else min(elapsed / 4, remaining / 8)
    shortest = max(_MIN_INTERVAL, elapsed * _MIN_INTERVAL_SHARE)
    return round(min(_MAX_INTERVAL, max(shortest, wait)))
