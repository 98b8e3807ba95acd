"""What the state machine carries from step to step: the job id, waits and counters."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Code


class Outcome(StrEnum):
    """What a step came to; each one is named by a Choice state of the machine."""

    DEFERRED = "deferred"  # not sent: submit again after the wait
    SUBMITTED = "submitted"
    PROCESSING = "processing"  # check again after the wait
    READY = "ready"
    STORED = "stored"  # the job is done
    FAILED = "failed"  # for the reason in `code`


class Step(BaseModel):
    """Input and output of every step."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    job_id: str
    outcome: Outcome | None = None
    wait_seconds: int = 0
    checks: int = 0
    unreadable: int = Field(default=0, description="Unreadable answers in a row.")
    running: float = Field(default=0, description="Seconds from submit to the last look in vain.")
    deferrals: int = Field(default=0, description="How often it was not, or not yet, sent.")
    copies: int = Field(default=0, description="Tries of storing the outputs.")
    code: Code | None = None
    webhook: bool = Field(default=False, description="Whether the provider calls at the end.")
    await_webhook: bool = Field(default=False, description="Whether that may cut this wait short.")
    deferred_by: Code | None = Field(default=None, description="Why the line stands still.")

    def processing(self, wait_seconds: int) -> "Step":
        """Go on: look again after the wait."""
        return self._next(outcome=Outcome.PROCESSING, wait_seconds=wait_seconds)

    def deferred(self, wait_seconds: int, deferred_by: Code | None = None) -> "Step":
        """Submit again after the wait."""
        step = self._next(outcome=Outcome.DEFERRED, wait_seconds=wait_seconds)
        return step.model_copy(update={"deferred_by": deferred_by, "deferrals": self.deferrals + 1})

    def submitted(self, wait_seconds: int) -> "Step":
        """The provider has it."""
        return self._next(outcome=Outcome.SUBMITTED, wait_seconds=wait_seconds)

    def ready(self) -> "Step":
        """The provider has finished."""
        return self._next(outcome=Outcome.READY)

    def stored(self) -> "Step":
        """The job is done."""
        return self._next(outcome=Outcome.STORED)

    def failed(self, code: Code) -> "Step":
        """The job cannot go on."""
        return self._next(outcome=Outcome.FAILED, code=code)

    def wait_for_webhook(self, wait_seconds: int) -> "Step":
        """Wait so long for the provider's call, which cuts it short."""
        told = {"webhook": True, "await_webhook": True, "wait_seconds": wait_seconds}
        return self.model_copy(update=told)

    def polled(self, elapsed: float, *, was_read: bool) -> "Step":
        """Count a look at a prediction that was not done."""
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
