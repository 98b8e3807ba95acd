"""The job: what was asked, where it stands, what came of it, and what it cost."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Charged, Code, failure
from darkroom.domain.references import Reference, S3Object
from darkroom.domain.requests import JobRequest, Operation

_JOB_ID_LENGTH = 26
# Fields that no caller is shown.
_UNSEEN = {"submit_token", "submit_attempts", "submitting_at", "announced_at", "expires_at"}
_JOB_ID = re.compile(rf"[a-z2-7]{{{_JOB_ID_LENGTH}}}")


class Status(StrEnum):
    """Where a job stands; `completed` and `failed` are for good."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"


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
    preset: str | None = Field(default=None, description="Name and version, as in `scan@3`.")
    prefix: str = Field(description="Where its assets go in the assets bucket, without a slash.")
    deadline_seconds: int
    estimated_cost_micro_usd: int | None = None  # a record leaves out what is None
    status: Status = Status.QUEUED
    code: Code | None = None
    detail: str | None = Field(default=None, description="The provider's own words on a failure.")
    charged: Charged | None = Field(default=None, description="Where the code does not tell.")
    prediction_id: str | None = None
    submit_attempts: int = 0
    submit_token: str | None = Field(default=None, description="Whose POST it is that was begun.")
    checks: int = 0
    accepted_at: datetime
    submitting_at: datetime | None = Field(
        default=None, description="When the POST was begun; taken back if it never left."
    )
    submitted_at: datetime | None = None
    provider_completed_at: datetime | None = Field(
        default=None, description="When a check first saw the prediction completed."
    )
    canceled_at: datetime | None = Field(
        default=None, description="When somebody did not want it any more."
    )
    stored_at: datetime | None = None
    ended_at: datetime | None = None
    announced_at: datetime | None = Field(
        default=None, description="When the terminal event was on the bus."
    )
    assets: tuple[Asset, ...] = ()
    expires_at: int = Field(description="Unix seconds; DynamoDB deletes the record after that.")

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.status in OPEN

    @property
    def was_sent(self) -> bool:
        """Whether a submit may have reached the provider."""
        return self.submitting_at is not None

    @property
    def revision(self) -> str:
        """A digest of everything about the job that its caller can see."""
        seen = self.model_dump_json(exclude=_UNSEEN)
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
        return self.charged or failure(self.code, sent=True).charged


def job_id(caller: str, idempotency_key: str) -> str:
    """Return the id of the job that this caller's key stands for: 26 URL-safe characters."""
    digest = hashlib.sha256(json.dumps([caller, idempotency_key]).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_JOB_ID_LENGTH]


def is_job_id(text: str) -> bool:
    """Tell whether `text` has the form of a job id: nothing else can be the id of a record."""
    return _JOB_ID.fullmatch(text) is not None


def fingerprint(request: JobRequest, references: Iterable[str]) -> str:
    """Return a digest of what is asked; `references` names each image, or its bytes' digest."""
    asked = {
        "model": request.model,
        "input": request.input,
        "references": list(references),
        "deadline_seconds": request.deadline_seconds,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
