"""The closed set of failure codes, the errors that callers can cause, and their texts for people.

DarkroomError
├── RejectedError             the request creates no job; has a code and FieldProblems
│   ├── InvalidRequestError   the request is not valid; has one FieldProblem per invalid field
│   ├── ConflictError         the idempotency key was used for another request
│   └── BudgetExceededError   the job costs more than is left of a daily budget
├── NotFoundError             the resource does not exist or belongs to another caller
├── ForbiddenError            the caller's role does not permit the operation
├── ConfirmationRequiredError   the batch costs more than the limit for an unconfirmed start
├── NotResumableError         the job has no chain that has failed
├── EndedError                the job or batch has ended and cannot be canceled
└── NotEndedError             the job, or its batch, has not ended and cannot be erased
"""

from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

# Budget scope of the whole deployment. No caller name has this form.
STACK = "STACK"
# A response has at most 6 MB, and a rejection is published as an event of at most 256 KB. One
# request can have a hundred thousand unknown fields.
MAX_PROBLEMS = 32


class Charged(StrEnum):
    """Whether the provider charged the job."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


class Code(StrEnum):
    """Why a job failed or a request was rejected."""

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
    """The meaning of a code: whether a retry can help, whether money was charged, and the text."""

    retryable: bool
    charged: Charged
    message: str


_FAILURES = {
    Code.INVALID_REQUEST: Failure(
        False,
        Charged.NO,
        "WaveSpeed found the input invalid or could not read a reference image."
        " Correct the request.",
    ),
    Code.BUDGET_EXCEEDED: Failure(
        True, Charged.NO, "Not enough budget is left today. Resets at midnight UTC."
    ),
    Code.MODERATED: Failure(
        False,
        Charged.MAYBE,
        "WaveSpeed's moderation refused the prompt or an image. Change the prompt or the image.",
    ),
    Code.REJECTED: Failure(
        False, Charged.NO, "WaveSpeed refused the request. Check the model and its input."
    ),
    Code.UNAUTHORIZED: Failure(
        False,
        Charged.NO,
        "WaveSpeed does not accept this deployment's API key for the model."
        " Ask the operator to check the key.",
    ),
    Code.INSUFFICIENT_CREDITS: Failure(
        True,
        Charged.NO,
        "The WaveSpeed account has too little credit. Top up the account, then try again.",
    ),
    Code.PROVIDER_FAILED: Failure(
        True, Charged.NO, "WaveSpeed failed to generate the output. Try again."
    ),
    Code.PROVIDER_UNAVAILABLE: Failure(
        True, Charged.MAYBE, "WaveSpeed was unreachable or too busy for too long. Try again later."
    ),
    Code.SUBMISSION_UNKNOWN: Failure(
        False,
        Charged.MAYBE,
        "WaveSpeed never confirmed this request. Retrying may charge you twice.",
    ),
    Code.DEADLINE_EXCEEDED: Failure(
        True,
        Charged.MAYBE,
        "WaveSpeed did not finish before the job's deadline."
        " Try again with a longer `deadline_seconds`.",
    ),
    Code.ASSET_UNAVAILABLE: Failure(
        True,
        Charged.YES,
        "The finished output could not be downloaded from WaveSpeed yet. Darkroom tries again for"
        " 7 days and stores the output with this job. A new try is charged again.",
    ),
    Code.ASSET_INVALID: Failure(
        True,
        Charged.YES,
        "WaveSpeed delivered a damaged file or a page in place of the output. Darkroom tries again"
        " for 7 days and stores the output with this job. A new try is charged again.",
    ),
    Code.CANCELED: Failure(True, Charged.MAYBE, "The job was canceled."),
    Code.INTERNAL_ERROR: Failure(
        True,
        Charged.MAYBE,
        "Darkroom failed internally. Try again, or ask the operator to check the logs.",
    ),
}


def failure(code: Code, *, sent: bool) -> Failure:
    """Return the meaning of `code`. A job whose submit was never sent is not charged."""
    known = _FAILURES[code]
    return known if sent else known._replace(charged=Charged.NO)


class FieldProblem(BaseModel):
    """One invalid field of a request."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(
        description="Dotted path of the field, such as images.0; empty for the whole request."
    )
    message: str = Field(
        description="Complete sentences for people: what is wrong, where, and what to do."
    )
    allowed: str = Field(default="", description="The allowed values; empty if none are defined.")


def sentence(problems: Iterable[FieldProblem]) -> str:
    """Return the problems as one text for people. Each message is complete without its field."""
    return " ".join(problem.message for problem in problems)


def labelled(label: str, text: str) -> str:
    """Return `text`, one or more sentences, as a text about the row or step `label`."""
    # An abbreviation such as HEIC keeps its case.
    is_word = text[:2].istitle()
    return f"{label}: {text[:1].lower() if is_word else text[:1]}{text[1:]}"


def megabytes(size: int) -> str:
    """Return a size in bytes as megabytes, rounded up to one decimal."""
    tenths = -(-size // 100_000)
    return f"{tenths // 10}.{tenths % 10}".removesuffix(".0") + " MB"


def _usd(micro_usd: int, *, round_up: bool = False) -> str:
    """Return an amount with two to four decimals, rounded down unless `round_up`."""
    # A price is rounded up and a remainder down, so that the text never shows a price that fits.
    units = -(-micro_usd // 100) if round_up else micro_usd // 100
    dollars, decimals = divmod(units, 10_000)
    digits = f"{decimals:04}"
    return f"${dollars:,}.{digits[:2]}{digits[2:].rstrip('0')}"


class DarkroomError(Exception):
    """An error that the caller can cause; its text is for people."""


class RejectedError(DarkroomError):
    """The request creates no job. Events and results name its code and problems."""

    def __init__(self, code: Code, problems: list[FieldProblem]) -> None:
        super().__init__(sentence(problems))
        self.code = code
        self.problems = problems


class InvalidRequestError(RejectedError):
    """The request is not valid. The error has the first MAX_PROBLEMS problems."""

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        super().__init__(Code.INVALID_REQUEST, list(islice(problems, MAX_PROBLEMS)))

    @classmethod
    def of(cls, field: str, message: str, allowed: str = "") -> "InvalidRequestError":
        """Return the error for a single field."""
        return cls([FieldProblem(field=field, message=message, allowed=allowed)])


class ConflictError(RejectedError):
    """The idempotency key was used for another request."""

    def __init__(self, message: str) -> None:
        problem = FieldProblem(field="idempotency_key", message=message, allowed="a new key")
        super().__init__(Code.INVALID_REQUEST, [problem])


class NotFoundError(DarkroomError):
    """The resource does not exist or belongs to another caller; the text is the same for both."""


class ForbiddenError(DarkroomError):
    """The caller's role does not permit the operation."""


class UnavailableError(DarkroomError):
    """The provider does not answer, and the deployment has no copy of the answer."""


class EndedError(DarkroomError):
    """The job or batch has ended, and was not canceled."""


class NotEndedError(DarkroomError):
    """The job or its batch has not ended, so its content is still needed."""


class OutdatedError(DarkroomError):
    """The document has changed since the version that the request replaces."""


class NotResumableError(DarkroomError):
    """The job has no chain, or its chain has not failed."""


class BudgetExceededError(RejectedError):
    """The job costs more than is left of a daily budget. All amounts are in micro-USD.

    `scope` is the caller's name, or STACK for the whole deployment. `left` and `cost` are None if
    they are unknown.
    """

    def __init__(self, scope: str, cap: int, left: int | None, cost: int | None) -> None:
        owner = " for the whole deployment" if scope == STACK else ""
        if cost is None:
            message = (
                "The price of this request is not known, so it cannot be checked against the"
                f" daily budget of {_usd(cap)}{owner}. Use a model with a known price."
            )
        else:
            remaining = (
                f"more than is left of today's {_usd(cap)}"
                if left is None
                else f"{_usd(left)} is left today"
            )
            message = (
                f"Not enough budget: this costs {_usd(cost, round_up=True)}, {remaining}{owner}."
                " Resets at midnight UTC."
            )
        allowed = "" if left is None else f"at most {_usd(left)}"
        problem = FieldProblem(field="budget", message=message, allowed=allowed)
        super().__init__(Code.BUDGET_EXCEEDED, [problem])
        self.scope = scope
        self.cap = cap
        self.left = left
        self.cost = cost


class ConfirmationRequiredError(DarkroomError):
    """A batch costs more than the limit for an unconfirmed start. `cost` is in micro-USD."""

    def __init__(self, cost: int, rows: int, unpriced: int) -> None:
        noun = "row costs" if rows == 1 else "rows cost"
        unknown = f" The price of {unpriced} of them is not known." if unpriced else ""
        super().__init__(
            f"{rows} {noun} {_usd(cost, round_up=True)}.{unknown}"
            f" To start the batch, set `confirm_micro_usd` to {cost} or more."
        )
        self.cost = cost
