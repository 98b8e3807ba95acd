"""The state that the state machine passes between steps: the job id, waits and counters."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Code


class Outcome(StrEnum):
    """The outcome of a step. A Choice state of the state machine handles each outcome."""

    DEFERRED = "deferred"  # not submitted: submit again after the wait
    SUBMITTED = "submitted"
    PROCESSING = "processing"  # check again after the wait
    READY = "ready"
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
    webhook: bool = Field(default=False, description="Whether the provider sends a webhook.")
    await_webhook: bool = Field(default=False, description="Whether a webhook ends this wait.")
    deferred_by: Code | None = Field(default=None, description="Why submission is paused.")

    def processing(self, wait_seconds: int) -> "Step":
        """Return the step for a running prediction: check again after the wait."""
        return self._next(outcome=Outcome.PROCESSING, wait_seconds=wait_seconds)

    def deferred(self, wait_seconds: int, deferred_by: Code | None = None) -> "Step":
        """Return the step for a job that was not submitted: submit again after the wait."""
        step = self._next(outcome=Outcome.DEFERRED, wait_seconds=wait_seconds)
        return step.model_copy(update={"deferred_by": deferred_by, "deferrals": self.deferrals + 1})

    def submitted(self, wait_seconds: int) -> "Step":
        """Return the step for a submitted job: check after the wait."""
        return self._next(outcome=Outcome.SUBMITTED, wait_seconds=wait_seconds)

    def ready(self) -> "Step":
        """Return the step for a finished prediction: store its outputs."""
        return self._next(outcome=Outcome.READY)

    def stored(self) -> "Step":
        """Return the step for a completed job."""
        return self._next(outcome=Outcome.STORED)

    def failed(self, code: Code) -> "Step":
        """Return the step for a failed job."""
        return self._next(outcome=Outcome.FAILED, code=code)

    def wait_for_webhook(self, wait_seconds: int) -> "Step":
        """Return the step with a wait that a webhook ends early."""
        return self.model_copy(
            update={"webhook": True, "await_webhook": True, "wait_seconds": wait_seconds}
        )

    def polled(self, elapsed: float, *, was_read: bool) -> "Step":
        """Count a poll of an unfinished prediction, `elapsed` seconds after submission."""
        return self.model_copy(
            update={
                "checks": self.checks + 1,
                "unreadable": 0 if was_read else self.unreadable + 1,
                "running": elapsed if was_read else self.running,
            }
        )

    def _next(self, *, outcome: Outcome, wait_seconds: int = 0, code: Code | None = None) -> "Step":
        return self.model_copy(
            update={
                "outcome": outcome,
                "wait_seconds": wait_seconds,
                "code": code,
                "await_webhook": False,
                "deferred_by": None,
            }
        )
