"""The job record: request, status, outputs and cost."""

import hashlib
import math
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.callbacks import Callback
from darkroom.domain.chain import Chain
from darkroom.domain.durations import ExpectedDuration, published
from darkroom.domain.errors import Charged, Code, failure
from darkroom.domain.references import Reference, S3Object, map_texts
from darkroom.domain.requests import Operation
from darkroom.domain.submit_queue import Priority

T = TypeVar("T")
_INTERNAL = object()
# A field of Job that the API does not return, and that does not change the ETag.
Internal = Annotated[T, _INTERNAL]


class Status(StrEnum):
    """A job's status.

    `queued`: not yet submitted. `submitting`: the submit is in progress. `submitted`: WaveSpeed has
    accepted the job. `completed` and `failed` are final.
    """

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"


# Failures that the provider itself reports: it refused the request, or the prediction has failed.
# After any other failure, the prediction may be charged, and its result may still arrive.
FINAL_CODES = (
    Code.INVALID_REQUEST,
    Code.BUDGET_EXCEEDED,
    Code.MODERATED,
    Code.REJECTED,
    Code.INSUFFICIENT_CREDITS,
    Code.PROVIDER_FAILED,
)
# The fields that differ between any two states of a chain.
CHAIN_STATE = ("chain_jobs", "chain_attempt", "chain_ended_at", "chain_erased_at")
OPEN = (Status.QUEUED, Status.SUBMITTING, Status.SUBMITTED)
ENDED = (Status.COMPLETED, Status.FAILED)


class Asset(BaseModel):
    """A stored output of a job."""

    model_config = ConfigDict(frozen=True)
    bucket: str
    key: str
    content_type: str
    size: int = Field(description="Size in bytes.")
    sha256: str = Field(description="SHA-256 of the file, in hex.")
    width: int | None = Field(default=None, description="Width in pixels; null if not an image.")
    height: int | None = Field(default=None, description="Height in pixels; null if not an image.")


class Reservation(BaseModel):
    """The amount of a day's budget that is reserved for a job."""

    model_config = ConfigDict(frozen=True)
    day: date = Field(description="Day of the budget, in UTC.")
    scope: str = Field(description="A caller's name, or `STACK` for the deployment's budget.")
    micro_usd: int


class Job(BaseModel):
    """A job's record. Every change after its creation is a conditional write (see ports.Jobs)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    job_id: str
    caller: str
    request_id: str = Field(description="Id of the request: an event id, an API request id, …")
    idempotency_key: str
    fingerprint: Internal[str]
    operation: Operation
    model: str
    input: dict[str, Any] = Field(description="The provider's input, without references.")
    references: tuple[Reference, ...] = ()
    key_id: Internal[str | None] = Field(
        default=None, description="The API key that requested the job. null: another entry point."
    )
    source: S3Object | None = Field(
        default=None, description="The inbox upload of the job: of equal ones, the newest."
    )
    batch_id: str | None = Field(default=None, description="The batch that the job belongs to.")
    preset: str | None = Field(default=None, description="Name and version, as in `scan@3`.")
    chain_id: str | None = Field(
        default=None, description="Id of the chain, which is that of its first job."
    )
    step: int | None = Field(
        default=None, description="Number of the step in the chain; 0 is the first job."
    )
    # The state of a chain, in the record of its first job. A resume counts as an attempt.
    chain_request: Internal[Chain | None] = Field(default=None, description="The further steps.")
    chain_jobs: Internal[tuple[str, ...]] = Field(
        default=(), description="Ids of the jobs of the steps so far, in the order of the steps."
    )
    chain_replaced: Internal[tuple[str, ...]] = Field(
        default=(), description="Ids of failed jobs that a resume has replaced."
    )
    chain_attempt: Internal[int] = 0
    chain_reservations: Internal[tuple[Reservation, ...]] = Field(
        default=(), description="Reservation for the steps that have no job yet."
    )
    chain_ended_at: Internal[datetime | None] = None
    chain_code: Internal[Code | None] = None
    chain_detail: Internal[str | None] = Field(
        default=None, description="Why a step could not start."
    )
    chain_published_at: Internal[datetime | None] = None
    chain_erased_at: Internal[datetime | None] = Field(
        default=None, description="When the requests of the steps were erased."
    )
    prefix: str = Field(description="Key prefix in the assets bucket, without a final slash.")
    deadline_seconds: int
    callback: Internal[Callback | None] = None
    estimated_cost_micro_usd: int | None = None  # None if no price is known
    priced_as_of: Internal[str | None] = Field(default=None, description="Date of the price.")
    reservations: Internal[tuple[Reservation, ...]] = ()
    priority: Priority = Priority.NORMAL
    queue_position: Internal[int | None] = Field(
        default=None, description="Round number in the submit queue, once the job has entered it."
    )
    queue_shard: Internal[int] = 0
    slot_seconds: Internal[float | None] = Field(
        default=None, description="Seconds that the job takes up in its shard's schedule."
    )
    sweep_after: Internal[datetime | None] = Field(
        default=None, description="When the sweep inspects the job, unless it has moved on before."
    )
    recovery_polls: Internal[int] = Field(
        default=0, description="How often the sweep has polled for a late result."
    )
    status: Status = Status.QUEUED
    code: Code | None = None
    detail: str | None = Field(default=None, description="The provider's message on a failure.")
    charged: Charged | None = Field(
        default=None, description="Overrides the failure code's default for `charge`."
    )
    prediction_id: str | None = None
    submit_attempts: Internal[int] = 0
    unanswered_submits: Internal[int] = Field(
        default=0, description="Earlier POSTs that got no answer."
    )
    submit_token: Internal[str | None] = Field(
        default=None, description="Random id of the last POST; also in its webhook URL."
    )
    sent_images: Internal[tuple[str, ...]] = Field(
        default=(), description="SHA-256 of each submitted URL, to find an unanswered POST again."
    )
    has_webhook: Internal[bool] = Field(
        default=False, description="Whether the POST had a webhook URL."
    )
    wake_token: Internal[str | None] = Field(
        default=None, description="Task token of the current WaitForWebhook."
    )
    woken_at: Internal[datetime | None] = Field(
        default=None, description="When a webhook arrived; removed by the next poll."
    )
    checks: int = 0
    accepted_at: datetime
    submitting_at: Internal[datetime | None] = Field(
        default=None, description="When the POST was started; removed if it was not sent."
    )
    submitted_at: datetime | None = None
    provider_completed_at: datetime | None = Field(
        default=None, description="When a poll first found the prediction completed."
    )
    expected: Internal[ExpectedDuration | None] = Field(
        default=None, description="Expected duration in seconds, as of the submission."
    )
    took_seconds: Internal[float | None] = Field(
        default=None, description="Duration at the provider in seconds, as estimated from polls."
    )
    canceled_at: datetime | None = Field(
        default=None, description="When a caller canceled the job."
    )
    hidden_at: Internal[datetime | None] = Field(
        default=None, description="When the caller deleted the job: lists leave it out."
    )
    erasing_at: datetime | None = Field(
        default=None, description="When the erasure of the job's content began."
    )
    erased_at: datetime | None = Field(
        default=None, description="When the job's content had been erased."
    )
    stored_at: datetime | None = None
    ended_at: datetime | None = None
    published_at: Internal[datetime | None] = Field(
        default=None, description="When the terminal event was published."
    )
    stats_recorded_at: Internal[datetime | None] = Field(
        default=None, description="When RecordStats counted the job."
    )
    assets: tuple[Asset, ...] = ()
    reused_from: str | None = Field(
        default=None, description="The job whose prediction and outputs this job shares."
    )
    favorite: bool = False
    tags: tuple[str, ...] = ()
    shared_until: datetime | None = Field(
        default=None, description="When the link to the outputs expires."
    )
    share_digest: Internal[str | None] = Field(
        default=None, description="SHA-256 of the link's token, in hex."
    )
    expires_at: Internal[int] = Field(
        description="Unix seconds; DynamoDB deletes the record after that."
    )

    @property
    def is_open(self) -> bool:
        """Whether the job has not ended."""
        return self.status in OPEN

    def expectation(self, scale: float) -> ExpectedDuration:
        """Return the expected duration as of the submission, or the published one times `scale`."""
        return self.expected or published(self.input, scale)

    def progress(self, now: datetime, scale: float) -> tuple[float, ExpectedDuration, float]:
        """Return the seconds since the submission, the expectation, and the seconds that remain.

        The deadline does not limit a finished prediction, because it is paid for.
        """
        elapsed = (now - (self.submitted_at or self.accepted_at)).total_seconds()
        is_finished = self.provider_completed_at is not None
        remaining = math.inf if is_finished else self.deadline_seconds - elapsed
        return elapsed, self.expectation(scale), remaining

    @property
    def has_callback(self) -> bool:
        """Whether the terminal events of the job are posted to a URL."""
        return self.callback is not None and self.callback.stopped_at is None

    @property
    def is_in_queue(self) -> bool:
        """Whether the submit queue counts the job as waiting."""
        return self.status is Status.QUEUED and self.queue_position is not None

    @property
    def is_in_flight(self) -> bool:
        """Whether the submit queue counts the job as in flight at the provider."""
        is_unfinished = self.provider_completed_at is None
        return self.status in (Status.SUBMITTING, Status.SUBMITTED) and is_unfinished

    def is_submit_of(self, token: str) -> bool:
        """Return whether the submit with this token moved the job to `submitting`."""
        return self.status is Status.SUBMITTING and self.submit_token == token

    @property
    def is_recoverable(self) -> bool:
        """Whether the job has failed but its prediction may still have a result."""
        if self.stored_at is not None or not self.was_sent or self.code is None:
            return False
        is_refused = self.code is Code.UNAUTHORIZED and self.prediction_id is None
        return self.unanswered_submits > 0 or not (self.code in FINAL_CODES or is_refused)

    @property
    def is_recovered(self) -> bool:
        """Whether the outputs of the failed job were stored after its end."""
        is_failed = self.status is Status.FAILED
        return is_failed and self.stored_at is not None and self.code is not Code.CANCELED

    @property
    def has_result(self) -> bool:
        """Whether the outputs of the job are stored and not those of a canceled job."""
        return self.status is Status.COMPLETED or self.is_recovered

    @property
    def has_open_chain(self) -> bool:
        """Whether the job is the first of a chain that has not ended."""
        return self.chain_request is not None and self.chain_ended_at is None

    @property
    def has_unpublished_chain(self) -> bool:
        """Whether the job is the first of a chain whose terminal event is not published."""
        return self.chain_request is not None and self.chain_published_at is None

    @property
    def first_reservations(self) -> tuple[Reservation, ...]:
        """The reservation at the creation of the record: for the job and all further steps."""
        if not self.chain_reservations:
            return self.reservations
        return tuple(
            own.model_copy(update={"micro_usd": own.micro_usd + further.micro_usd})
            for own, further in zip(self.reservations, self.chain_reservations, strict=True)
        )

    @property
    def was_sent(self) -> bool:
        """Whether a submit may have reached the provider."""
        return self.submitting_at is not None or self.unanswered_submits > 0

    @property
    def revision(self) -> str:
        """A digest of the fields that the API returns; the ETag of the job."""
        visible = self.model_dump_json(exclude=INTERNAL_FIELDS)
        return hashlib.sha256(visible.encode()).hexdigest()[:32]

    def provider_input(self, urls: Sequence[str]) -> dict[str, Any]:
        """Return the input that the provider receives, with the URLs of the references."""
        if self.operation is Operation.MODEL:
            signed = dict(zip(map(str, self.references), urls, strict=True))
            # The longest name first: a key may begin with another key.
            names = sorted(signed, key=len, reverse=True)

            def sign(text: str, _: str) -> str:
                for name in names:
                    text = text.replace(name, signed[name])
                return text

            filled: dict[str, Any] = map_texts(self.input, sign)
            return filled
        return {**self.input, "images": list(urls)} if urls else self.input

    @property
    def charge(self) -> Charged:
        """Whether the provider charged the job. Observed facts override the failure code."""
        if not self.was_sent:
            return Charged.NO
        if self.provider_completed_at is not None:
            return Charged.YES
        if self.code is None:
            # The provider charges on acceptance, and refunds predictions that fail.
            return Charged.YES if self.prediction_id else Charged.MAYBE
        if self.code is Code.UNAUTHORIZED and self.prediction_id:
            return Charged.MAYBE  # the key was refused after the prediction was accepted
        charged = self.charged or failure(self.code, sent=True).charged
        return Charged.MAYBE if charged is Charged.NO and self.unanswered_submits else charged


INTERNAL_FIELDS = {name for name, field in Job.model_fields.items() if _INTERNAL in field.metadata}
