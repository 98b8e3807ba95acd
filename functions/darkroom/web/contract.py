"""What the HTTP API takes and gives. infra/api/openapi.yaml is generated from these models."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.batch_file import MAX_BATCH_FILE_BYTES
from darkroom.domain.callers import Role
from darkroom.domain.errors import Charged, Code, FieldProblem
from darkroom.domain.events import S3Location, Timings
from darkroom.domain.job import Asset, Status
from darkroom.domain.presets import Presets
from darkroom.domain.references import MAX_REFERENCE_BYTES
from darkroom.domain.requests import Operation
from darkroom.domain.stats import Day, Durations
from darkroom.domain.submit_queue import Priority

WAVESPEED_PREFIX = "/api/v3/"  # below it the provider's own wire format is spoken
# API Gateway hands a function 6 MB at most, what it adds to a body included.
MAX_BODY_BYTES = 5_000_000
MAX_WAIT_SECONDS = 25  # API Gateway gives up after 29
MAX_PAGE = 100
MAX_DAYS = 90
MAX_TEXT = 200  # characters to look for


class _Model(BaseModel):
    # Open: a later version may say more, and a problem may have members of its own.
    model_config = ConfigDict(frozen=True, defer_build=True)


class AssetView(Asset):
    """A stored output, with a URL for now."""

    url: str = Field(description="Presigned at this moment, for an hour at most. Store the key.")
    thumbnail_url: str | None = Field(
        description="Likewise, of a webp of 320 pixels at most: there some seconds after the end."
    )


class FailureView(_Model):
    """Why a job ended without what was asked for."""

    code: Code
    message: str
    detail: str | None = Field(description="The provider's own words, where it gave any.")
    retryable: bool = Field(description="Whether asking again can help.")


class EventView(_Model):
    """An event as it was put on the bus."""

    detail_type: str
    detail: dict[str, object]


class JobView(_Model):
    """A job as its caller sees it."""

    job_id: str
    status: Status
    operation: Operation
    model: str
    input: dict[str, object] = Field(description="What was asked for, references aside.")
    references: tuple[str, ...] = Field(description="URLs without their queries, s3:// URIs.")
    reference_urls: tuple[str | None, ...] = Field(
        description="Presigned now, where one lies in the deployment's own bucket; empty in lists."
    )
    caller: str
    idempotency_key: str
    batch_id: str | None = Field(description="The batch that it is a row of.")
    preset: str | None
    source: S3Location | None = Field(description="The upload that asked for it.")
    deadline_seconds: int
    expected_seconds: float = Field(description="The median of its kind at the provider.")
    estimated_cost_micro_usd: int | None = Field(description="null: no price is known, not zero.")
    charged: Charged = Field(description="Whether the provider took money for it, as far as known.")
    priority: Priority = Field(description="batch goes after interactive.")
    canceled_at: datetime | None = Field(
        description="When it was canceled; still open, it ends as soon as its result is filed."
    )
    failure: FailureView | None
    assets: tuple[AssetView, ...]
    prediction_id: str | None
    checks: int
    timings: Timings
    event: EventView | None = Field(
        description="The event that told of it last; null before the first, and in lists."
    )


class JobPage(_Model):
    """Jobs, newest first."""

    jobs: tuple[JobView, ...]
    cursor: str | None = Field(description="Give it back to go on; null at the end.")


class Estimate(_Model):
    """The price of a request."""

    operation: Operation
    model: str
    estimated_cost_micro_usd: int | None = Field(description="null: no price is known, not zero.")
    priced_as_of: str | None = Field(description="The day of the quote, or of the table.")


class Me(_Model):
    """Whose key it is, and what may be spent today (until midnight UTC)."""

    caller: str
    role: Role
    can_read_all: bool
    can_submit: bool
    day: date
    daily_budget_micro_usd: int | None = Field(description="null: no budget limits this caller.")
    left_micro_usd: int | None
    stack_budget_micro_usd: int | None = Field(description="null: none limits the deployment.")
    stack_left_micro_usd: int | None


class QueueView(_Model):
    """How the line to the provider stands."""

    waiting_normal: int
    waiting_low: int
    in_flight: int = Field(description="Sent, and not ended.")
    paused_seconds: float = Field(description="Until the next may be sent.")
    breaker: Literal["closed", "open"] = Field(description="open: the provider takes nothing.")


class StatsView(_Model):
    """What was made and spent, by day (UTC) and caller, oldest first."""

    since: date
    until: date
    days: tuple[Day, ...]
    durations: tuple[Durations, ...] = Field(description="At the provider, of all jobs so far.")
    queue: QueueView


class UploadRequest(BaseModel):
    """A file that is about to be put."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    content_type: Literal[
        "image/png", "image/jpeg", "image/webp", "text/csv", "application/x-ndjson"
    ]
    size: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_BATCH_FILE_BYTES,
            description=f"bytes; of a picture {MAX_REFERENCE_BYTES} at most",
        ),
    ]


class PresignedUploadView(_Model):
    """Leave to put that file, once: PUT it to `url` with exactly these headers."""

    upload_id: str
    reference: str = Field(description="For a job's `images`, or a batch's `source`.")
    uri: str = Field(description="The same as an s3:// URI.")
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]
    expires_at: datetime


class PresetsView(Presets):
    """The presets that serve now."""

    problem: str | None = Field(description="What is wrong with a newer document.")


class Problem(_Model):
    """An error, as RFC 9457 has it."""

    type: str = Field(description="Stable: what a program goes by.")
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = Field(default=(), description="One entry a bad field.")
    budget_micro_usd: int | None = Field(
        default=None, description="With budget-exceeded: what may be spent in a day."
    )
    left_micro_usd: int | None = Field(
        default=None, description="With budget-exceeded: what is left of it, until midnight UTC."
    )
    cost_micro_usd: int | None = Field(
        default=None, description="The price of what was asked for; left out if not known."
    )
