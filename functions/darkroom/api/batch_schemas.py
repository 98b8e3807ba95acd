"""The request and response models of the batch routes."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from darkroom.domain.batch import CONFIRM_ABOVE, Batch, BatchStatus, Counts, RowProblem
from darkroom.domain.batch_file import BatchFileFormat
from darkroom.domain.requests import MAX_PROMPT_CHARACTERS
from darkroom.usecases.batches.end_batch import CSV, JSONL
from darkroom.usecases.batches.plan_batch import Plan

_MAX_PROBLEMS = 1000
_MAX_NAME, _MAX_SOURCE = 200, 2000  # characters


class BatchRequest(BaseModel):
    """A file of rows, and settings for all of them."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )

    source: Annotated[
        str,
        StringConstraints(min_length=1, max_length=_MAX_SOURCE),
        Field(description="The batch file: `upload:<id>` or `s3://bucket/key`."),
    ]
    format: BatchFileFormat | None = Field(
        default=None,
        description="Format of the batch file. Default: detected from its name or content.",
    )
    name: Annotated[str, StringConstraints(min_length=1, max_length=_MAX_NAME)] | None = Field(
        default=None, description="Name of the batch. Default: the file name."
    )
    prompt: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARACTERS)] | None
    ) = Field(
        default=None,
        description="Prompt template for rows without a prompt. Names in braces are columns, as in "
        "`{product} on white`.",
    )
    defaults: dict[str, Any] | None = Field(
        default=None, description="Default values of job request fields, for rows without them."
    )
    dry_run: Annotated[
        bool,
        Field(strict=True, description="Validate and price the rows without starting a batch."),
    ] = False
    confirm_micro_usd: int | None = Field(
        default=None,
        ge=0,
        strict=True,
        description=f"Confirms the cost: the highest acceptable estimate in micro-USD. Required "
        f"above {CONFIRM_ABOVE}, or with unpriced rows.",
    )


class Results(BaseModel):
    """Presigned URLs of the result files, valid for at most one hour."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    csv_url: str = Field(description="The results as CSV.")
    jsonl_url: str = Field(description="The results as JSON Lines.")


class BatchView(BaseModel):
    """A batch."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    batch_id: str | None = Field(description="null for a dry run.")
    name: str
    caller: str | None = Field(description="The owner of the batch; null for a dry run.")
    status: BatchStatus
    source: str = Field(description="The batch file as an s3:// URI.")
    rows: int = Field(description="Number of rows in the batch file.")
    bad_rows: int = Field(description="Rows that are not valid requests.")
    estimated_cost_micro_usd: int = Field(
        description="Estimated cost in micro-USD of all rows with a known price."
    )
    unpriced_rows: int = Field(description="Valid rows without a known price.")
    errors: tuple[RowProblem, ...] = Field(
        description="The first problems of invalid rows. The results have all of them."
    )
    progress: Counts = Field(
        description="Rows by status, up to 10 minutes old while the batch is running."
    )
    spent_micro_usd: int = Field(description="Cost of the charged jobs in micro-USD.")
    uncertain_micro_usd: int = Field(
        description="Cost in micro-USD of jobs that may have been charged (`charged` is `maybe`)."
    )
    eta_seconds: int | None = Field(
        description="Estimated seconds until every row has ended. null: not known."
    )
    results: Results | None = Field(description="null until the batch has ended with results.")
    created_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None


class BatchPage(BaseModel):
    """A page of batches, newest first."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    batches: tuple[BatchView, ...]
    cursor: str | None = Field(
        description="Pass it as `cursor` to get the next page. null on the last page."
    )


def planned(name: str | None, plan: Plan) -> BatchView:
    """Return the response to a dry run."""
    bad = len(plan.rows) - plan.valid_rows
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
        errors=plan.problems(_MAX_PROBLEMS),
        progress=Counts(waiting=plan.valid_rows, bad=bad),
        spent_micro_usd=0,
        uncertain_micro_usd=0,
        eta_seconds=None,
        results=None,
        created_at=None,
        canceled_at=None,
        ended_at=None,
    )


def view(batch: Batch, url: Callable[[str], str]) -> BatchView:
    """Return the batch for its caller. `url` presigns the URL of a result file."""
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
