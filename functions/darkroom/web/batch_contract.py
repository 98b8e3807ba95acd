"""What the routes of batches take and give."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.batch import Batch, BatchStatus, Counts, RowProblem
from darkroom.domain.batch_file import BatchFileFormat
from darkroom.domain.requests import MAX_PROMPT_CHARACTERS
from darkroom.usecases.end_batch import CSV, JSONL
from darkroom.usecases.plan_batch import Plan

_TOLD_PROBLEMS = 1000
_MAX_NAME, _MAX_SOURCE = 200, 2000


class BatchRequest(BaseModel):
    """A file of rows, and what is said for all of them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    source: Annotated[
        str,
        StringConstraints(min_length=1, max_length=_MAX_SOURCE),
        Field(description="upload:<id>, or s3://bucket/key."),
    ]
    format: BatchFileFormat | None = Field(default=None, description="Default: by the file's name.")
    name: Annotated[str, StringConstraints(min_length=1, max_length=_MAX_NAME)] | None = None
    prompt: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARACTERS)] | None
    ) = Field(
        default=None,
        description="A template for rows without a prompt, as in `{product} on white`.",
    )
    defaults: dict[str, Any] | None = Field(
        default=None, description="Fields of a job request that count where a row says nothing."
    )
    dry_run: Annotated[bool, Field(strict=True, description="Only plan it.")] = False
    confirm_micro_usd: int | None = Field(
        default=None, ge=0, strict=True, description="The most that it may be estimated to cost."
    )


class Results(BaseModel):
    """Where the result files are: presigned now."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    csv_url: str
    jsonl_url: str


class BatchView(BaseModel):
    """A batch as its caller sees it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    batch_id: str | None = Field(description="null: planned, and not started.")
    name: str
    caller: str | None
    status: BatchStatus
    source: str = Field(description="The file, as an s3:// URI.")
    rows: int
    bad_rows: int
    estimated_cost_micro_usd: int = Field(description="Of all rows whose price is known.")
    unpriced_rows: int
    errors: tuple[RowProblem, ...] = Field(description="The first of them; results have all.")
    progress: Counts = Field(description="As it was at the last look.")
    spent_micro_usd: int
    uncertain_micro_usd: int = Field(description="What may have been charged, or not.")
    eta_seconds: int | None = Field(description="Until every row has ended, at the pace so far.")
    results: Results | None = Field(description="Once it has ended.")
    created_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None


class BatchPage(BaseModel):
    """Batches, newest first."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    batches: tuple[BatchView, ...]
    cursor: str | None = Field(description="Give it back to go on; null at the end.")


def planned(name: str | None, plan: Plan) -> BatchView:
    """Return what would be started."""
    bad = len(plan.rows) - plan.good
    return BatchView(
        batch_id=None,
        name=name or plan.source.key.rpartition("/")[2],
        caller=None,
        status=BatchStatus.PLANNED,
        source=str(plan.source),
        rows=len(plan.rows),
        bad_rows=bad,
        estimated_cost_micro_usd=plan.estimated_cost_micro_usd,
        unpriced_rows=plan.unpriced_rows,
        errors=plan.problems(_TOLD_PROBLEMS),
        progress=Counts(waiting=plan.good, bad=bad),
        spent_micro_usd=0,
        uncertain_micro_usd=0,
        eta_seconds=None,
        results=None,
        created_at=None,
        canceled_at=None,
        ended_at=None,
    )


def view(batch: Batch, url: Callable[[str], str]) -> BatchView:
    """Return the batch as its caller sees it; `url` mints that of a result file."""
    is_canceling = batch.is_open and batch.canceled_at is not None
    has_results = batch.status in (BatchStatus.COMPLETED, BatchStatus.CANCELED)
    shared = BatchView.model_fields.keys() & Batch.model_fields.keys()
    return BatchView.model_validate(
        {
            **{name: getattr(batch, name) for name in shared},
            "status": BatchStatus.CANCELING if is_canceling else batch.status,
            "source": str(batch.source),
            "errors": batch.problems,
            "progress": batch.counts,
            "results": Results(csv_url=url(CSV), jsonl_url=url(JSONL)) if has_results else None,
            "created_at": batch.accepted_at,
        }
    )
