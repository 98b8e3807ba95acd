"""The closed set of failure codes, and the errors that callers can cause.

DarkroomError
├── InvalidRequestError   the request breaks a rule; carries one entry a bad field
├── ConflictError         the idempotency key was used for another request
├── NotFoundError         there is no such job, or it is another caller's
├── ForbiddenError        the caller's role does not allow this
├── BudgetExceededError   the day's budget does not hold what the job would cost
├── ConfirmationRequiredError   a batch costs more than is started unasked
└── EndedError            the job has ended: there is nothing to cancel
"""

from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Charged(StrEnum):
    """Whether the provider took money for the job."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


class Code(StrEnum):
    """Why a job failed or a request was refused."""

    INVALID_REQUEST = "invalid_request"
    BUDGET_EXCEEDED = "budget_exceeded"
    MODERATED = "moderated"
    REJECTED = "rejected"
    UNAUTHORIZED = "unauthorized"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    PROVIDER_FAILED = "provider_failed"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    SUBMISSION_UNKNOWN = "submission_unknown"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    ASSET_UNAVAILABLE = "asset_unavailable"
    ASSET_INVALID = "asset_invalid"
    CANCELED = "canceled"
    INTERNAL_ERROR = "internal_error"


class Failure(NamedTuple):
    """What a code means to a caller: may it try again, was it charged, in one sentence why."""

    retryable: bool
    charged: Charged
    message: str


_FAILURES = {
    Code.INVALID_REQUEST: Failure(
        False, Charged.NO, "The provider found the input invalid, or could not read a reference."
    ),
    Code.BUDGET_EXCEEDED: Failure(True, Charged.NO, "The caller's budget for today is used up."),
    Code.MODERATED: Failure(
        False, Charged.MAYBE, "The provider's moderation refused the prompt or an image."
    ),
    Code.REJECTED: Failure(False, Charged.NO, "The provider refused the request."),
    Code.UNAUTHORIZED: Failure(
        False, Charged.NO, "The provider did not accept the deployment's key for this model."
    ),
    Code.INSUFFICIENT_CREDITS: Failure(
        True, Charged.NO, "The provider account has not enough credit."
    ),
    Code.PROVIDER_FAILED: Failure(True, Charged.NO, "The provider could not make the picture."),
    Code.PROVIDER_UNAVAILABLE: Failure(
        True, Charged.MAYBE, "The provider could not be reached, or kept asking to wait."
    ),
    Code.SUBMISSION_UNKNOWN: Failure(
        False,
        Charged.MAYBE,
        "The request may have reached the provider: sent again, it may pay twice.",
    ),
    Code.DEADLINE_EXCEEDED: Failure(
        True, Charged.MAYBE, "The provider did not finish before the job's deadline."
    ),
    Code.ASSET_UNAVAILABLE: Failure(
        True, Charged.YES, "The finished output could not be downloaded from the provider."
    ),
    Code.ASSET_INVALID: Failure(
        True, Charged.YES, "What the provider delivered is not a file that may be stored."
    ),
    Code.CANCELED: Failure(True, Charged.MAYBE, "The job was stopped."),
    Code.INTERNAL_ERROR: Failure(True, Charged.MAYBE, "Darkroom itself failed; see its logs."),
}


def failure(code: Code, *, sent: bool) -> Failure:
    """Return what `code` means for a job of which a submit was (or was not) sent."""
    known = _FAILURES[code]
    return known if sent else known._replace(charged=Charged.NO)


class FieldProblem(BaseModel):
    """One bad field: where, what is wrong, and what is allowed."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="Dotted path of the field, e.g. images.0; empty for the whole.")
    message: str
    allowed: str = ""


class DarkroomError(Exception):
    """What a caller did that Darkroom refuses."""


class InvalidRequestError(DarkroomError):
    """The request breaks a rule."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        super().__init__("; ".join(f"{p.field or 'request'}: {p.message}" for p in problems))
        self.problems = problems

    @classmethod
    def of(cls, field: str, message: str, allowed: str = "") -> "InvalidRequestError":
        """Build the error for a single field."""
        return cls([FieldProblem(field=field, message=message, allowed=allowed)])


class ConflictError(DarkroomError):
    """The same idempotency key came with another request."""


class NotFoundError(DarkroomError):
    """There is no such thing, or it is another caller's: nobody is told which."""


class ForbiddenError(DarkroomError):
    """The caller's role does not allow this."""


class EndedError(DarkroomError):
    """The job has ended, otherwise than by being canceled."""


class BudgetExceededError(DarkroomError):
    """The day's budget does not hold what the job would cost; all amounts are in micro-USD."""

    def __init__(self, scope: str, cap: int, left: int | None, cost: int | None) -> None:
        told = "not known" if cost is None else _usd(cost)
        rest = "" if left is None else f", of which {_usd(left)} is left until midnight UTC"
        super().__init__(
            f"the job's price is {told}; the daily budget of {scope} is {_usd(cap)}{rest}"
        )
        self.scope = scope
        self.cap = cap
        self.left = left
        self.cost = cost

    @property
    def problem(self) -> FieldProblem:
        """The error as one entry, for doors that answer with a list."""
        allowed = "" if self.left is None else f"what costs no more than {_usd(self.left)}"
        return FieldProblem(field="budget", message=str(self), allowed=allowed)


class ConfirmationRequiredError(DarkroomError):
    """A batch costs more than is started unasked; the amount is in micro-USD."""

    def __init__(self, cost: int, rows: int, unpriced: int) -> None:
        more = f", and the price of {unpriced} is not known" if unpriced else ""
        super().__init__(
            f"the {rows} rows cost {_usd(cost)}{more}: to start them, say so by confirm_micro_usd:"
            f" {cost} or more"
        )
        self.cost = cost


def _usd(micro: int) -> str:
    return f"${micro / 1_000_000:.4f}"
