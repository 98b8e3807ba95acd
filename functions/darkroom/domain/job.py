"""The job: what was asked, where it stands, what came of it, and what it cost."""

import hashlib
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.durations import Expected, published
from darkroom.domain.errors import Charged, Code, failure
from darkroom.domain.references import Reference, S3Object
from darkroom.domain.requests import Operation
from darkroom.domain.submit_queue import Priority

# Fields that no caller is shown.
INTERNAL_FIELDS = {
    "submit_token", "submit_attempts", "submitting_at", "published_at", "expires_at", "queue_shard",
    "queue_position", "slot_seconds", "sweep_after", "recovery_polls", "unanswered", "has_webhook",
    "sent_images", "woken_at", "wake_token", "reservations", "stats_recorded_at",
    "expected", "took_seconds",
}  # fmt: skip


class Status(StrEnum):
    """Where a job stands; `completed` and `failed` are for good."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"


# Failures that say nothing of the prediction: it may be paid for, and its result still come.
GIVEN_UP = (
    Code.PROVIDER_UNAVAILABLE,
    Code.UNAUTHORIZED,
    Code.SUBMISSION_UNKNOWN,
    Code.DEADLINE_EXCEEDED,
    Code.ASSET_UNAVAILABLE,
    Code.CANCELED,
    Code.INTERNAL_ERROR,
)
OPEN = (Status.QUEUED, Status.SUBMITTING, Status.SUBMITTED)


class Asset(BaseModel):
    """A stored output."""

    model_config = ConfigDict(frozen=True)
    bucket: str
    key: str
    content_type: str
    size: int = Field(description="bytes")
    sha256: str
    width: int | None = Field(default=None, description="pixels; None where it is no picture")
    height: int | None = None


class Reservation(BaseModel):
    """What a job holds of a day's budget."""

    model_config = ConfigDict(frozen=True)
    day: date = Field(description="in UTC")
    scope: str = Field(description="A caller's name, or STACK for the whole deployment.")
    micro_usd: int


class Job(BaseModel):
    """One job's record; every later change is a conditional write (see ports.Jobs)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    job_id: str
    caller: str
    request_id: str = Field(description="What asked for it: an event id, a request id, …")
    idempotency_key: str
    fingerprint: str
    operation: Operation
    model: str
    input: dict[str, Any] = Field(description="For the provider, without references.")
    references: tuple[Reference, ...] = ()
    source: S3Object | None = Field(default=None, description="The upload that asked for it.")
    batch_id: str | None = Field(default=None, description="The batch that it is a row of.")
    preset: str | None = Field(default=None, description="Name and version, as in `scan@3`.")
    prefix: str = Field(description="Where its assets go in the assets bucket, without a slash.")
    deadline_seconds: int
    estimated_cost_micro_usd: int | None = None  # a record leaves out what is None
    priced_as_of: str | None = Field(default=None, description="The day that the price is from.")
    reservations: tuple[Reservation, ...] = ()
    priority: Priority = Priority.NORMAL
    queue_position: int | None = Field(
        default=None, description="Its number in the line: it waits there while it is queued."
    )
    queue_shard: int = 0
    slot_seconds: float | None = None  # seconds of the schedule that its place there counts for
    sweep_after: datetime | None = Field(
        default=None, description="When the sweep looks at it, if nothing has happened before."
    )
    recovery_polls: int = Field(
        default=0, description="How often the sweep looked for a late result."
    )
    status: Status = Status.QUEUED
    code: Code | None = None
    detail: str | None = Field(default=None, description="The provider's own words on a failure.")
    charged: Charged | None = Field(default=None, description="Where the code does not tell.")
    prediction_id: str | None = None
    submit_attempts: int = 0
    unanswered: int = Field(default=0, description="POSTs before the last that nobody answered.")
    submit_token: str | None = Field(default=None, description="Whose POST it is that was begun.")
    sent_images: tuple[str, ...] = Field(
        default=(), description="SHA-256 of each URL that was sent: to know our own request again."
    )
    has_webhook: bool = Field(default=False, description="Whether the provider was asked to call.")
    wake_token: str | None = Field(default=None, description="Ends the wait that it stands for.")
    woken_at: datetime | None = Field(
        default=None, description="When a webhook came; taken back by the next check."
    )
    checks: int = 0
    accepted_at: datetime
    submitting_at: datetime | None = Field(
        default=None, description="When the POST was begun; taken back if it never left."
    )
    submitted_at: datetime | None = None
    provider_completed_at: datetime | None = Field(
        default=None, description="When a check first saw the prediction completed."
    )
    expected: Expected | None = Field(
        default=None, description="How long it was expected to take when it was sent, in seconds."
    )
    took_seconds: float | None = Field(
        default=None, description="How long the provider took, as far as looks at it can tell."
    )
    canceled_at: datetime | None = Field(
        default=None, description="When somebody did not want it any more."
    )
    stored_at: datetime | None = None
    ended_at: datetime | None = None
    published_at: datetime | None = Field(
        default=None, description="When the terminal event was on the bus."
    )
    stats_recorded_at: datetime | None = Field(default=None, description="When it was counted.")
    assets: tuple[Asset, ...] = ()
    expires_at: int = Field(description="Unix seconds; DynamoDB deletes the record after that.")

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.status in OPEN

    def expectation(self, scale: float) -> Expected:
        """Return how long it should take: as when it was sent, else as published, times `scale`."""
        return self.expected or published(self.input, scale)

    @property
    def is_waiting(self) -> bool:
        """Whether the line counts it among those that wait."""
        return self.status is Status.QUEUED and self.queue_position is not None

    @property
    def is_in_flight(self) -> bool:
        """Whether the line counts it among those that the provider may be at work on."""
        at_work = self.provider_completed_at is None
        return self.status in (Status.SUBMITTING, Status.SUBMITTED) and at_work

    def is_submit_of(self, token: str) -> bool:
        """Whether it was moved to `submitting` by whom this token stands for."""
        return self.status is Status.SUBMITTING and self.submit_token == token

    @property
    def may_come_late(self) -> bool:
        """Whether it was given up while the provider may still deliver, or has delivered."""
        if self.stored_at is not None or not self.was_sent or self.code is None:
            return False
        refused = self.code is Code.UNAUTHORIZED and self.prediction_id is None
        return self.unanswered > 0 or (self.code in GIVEN_UP and not refused)

    @property
    def was_sent(self) -> bool:
        """Whether a submit may have reached the provider."""
        return self.submitting_at is not None or self.unanswered > 0

    @property
    def revision(self) -> str:
        """A digest of everything about the job that its caller can see."""
        seen = self.model_dump_json(exclude=INTERNAL_FIELDS)
        return hashlib.sha256(seen.encode()).hexdigest()[:32]

    @property
    def charge(self) -> Charged:
        """What is known of the money, facts before the code."""
        if not self.was_sent:
            return Charged.NO
        if self.provider_completed_at is not None:
            return Charged.YES
        if self.code is None:
            # The provider debits when it takes a job, and gives back what it then cannot make.
            return Charged.YES if self.prediction_id else Charged.MAYBE
        if self.code is Code.UNAUTHORIZED and self.prediction_id:
            return Charged.MAYBE  # the key was lost, and not the prediction
        told = self.charged or failure(self.code, sent=True).charged
        return Charged.MAYBE if told is Charged.NO and self.unanswered else told
