"""The state that the state machine passes between steps: the job id, waits and counters."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status


class Outcome(StrEnum):
    """The outcome of a step. A Choice state of the state machine handles each outcome."""

    DEFERRED = "deferred"  # not submitted: submit again after the wait
    PROCESSING = "processing"  # at the provider: check after the wait
    AWAITING_WEBHOOK = "awaiting_webhook"  # at the provider: finalize after the wait or a webhook
    READY = "ready"  # the prediction has finished: finalize
    STORED = "stored"  # the job has completed
    FAILED = "failed"  # `code` has the reason


class Step(BaseModel):
    """The input and output of every step."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    job_id: str
    outcome: Outcome | None = None
    wait_seconds: int = 0
    checks: int = 0
    unreadable: int = Field(default=0, description="Unreadable answers in a row.")
    running: float = Field(
        default=0, description="Seconds from submission to the last poll that found it running."
    )
    deferrals: int = Field(default=0, description="Times that Submit was deferred.")
    copies: int = Field(default=0, description="Attempts to store the outputs.")
    code: Code | None = None
    deferred_by: Code | None = Field(default=None, description="Why submission is paused.")

    def deferred(self, wait_seconds: int, deferred_by: Code | None = None) -> "Step":
        """Return the step for a job that was not submitted: submit again after the wait."""
        step = self._next(outcome=Outcome.DEFERRED, wait_seconds=wait_seconds)
        return step.model_copy(update={"deferred_by": deferred_by, "deferrals": self.deferrals + 1})

    def processing(self, wait_seconds: int) -> "Step":
        """Return the step for a job at the provider: check after the wait."""
        return self._next(outcome=Outcome.PROCESSING, wait_seconds=wait_seconds)

    def awaiting_webhook(self, wait_seconds: int) -> "Step":
        """Return the step for a job at the provider, with a wait that a webhook ends early."""
        return self._next(outcome=Outcome.AWAITING_WEBHOOK, wait_seconds=wait_seconds)

    def ready(self) -> "Step":
        """Return the step for a finished prediction: store its outputs."""
        return self._next(outcome=Outcome.READY)

    def stored(self) -> "Step":
        """Return the step for a completed job."""
        return self._next(outcome=Outcome.STORED)

    def failed(self, code: Code) -> "Step":
        """Return the step for a failed job."""
        return self._next(outcome=Outcome.FAILED, code=code)

    def ended(self, job: Job | None) -> "Step":
        """Return the step for a job that has ended. A job without a record counts as failed."""
        if job is not None and job.status is Status.COMPLETED:
            return self.stored()
        return self.failed((job and job.code) or Code.INTERNAL_ERROR)

    def polled(self) -> "Step":
        """Count a poll with a readable answer."""
        return self.model_copy(update={"checks": self.checks + 1, "unreadable": 0})

    def polled_running(self, elapsed: float) -> "Step":
        """Count a poll that found the prediction running, `elapsed` seconds after submission."""
        return self.polled().model_copy(update={"running": elapsed})

    def polled_unreadable(self) -> "Step":
        """Count a poll without a readable answer."""
        return self.polled().model_copy(update={"unreadable": self.unreadable + 1})

    def _next(self, *, outcome: Outcome, wait_seconds: int = 0, code: Code | None = None) -> "Step":
        return self.model_copy(
            update={
                "outcome": outcome,
                "wait_seconds": wait_seconds,
                "code": code,
                "deferred_by": None,
            }
        )
