"""Errors as RFC 9457 problems. On the provider's own paths, `detail` fills its error envelope."""

from http import HTTPStatus

from darkroom.api.schemas import Problem
from darkroom.domain.errors import (
    BudgetExceededError,
    ConfirmationRequiredError,
    ConflictError,
    EndedError,
    ForbiddenError,
    InvalidRequestError,
    NotEndedError,
    NotFoundError,
    NotResumableError,
    OutdatedError,
    UnavailableError,
)

CONTENT_TYPE = "application/problem+json"
_TYPE = "urn:darkroom:problem:"


class TooLargeError(Exception):
    """The body is larger than MAX_BODY_BYTES."""


class MediaTypeError(Exception):
    """The headers declare a body that is not JSON in UTF-8, or that is compressed."""


class TooManyRequestsError(Exception):
    """The key has sent its requests of this minute. `seconds`: until the next minute."""

    def __init__(self, seconds: int, per_minute: int) -> None:
        super().__init__(
            f"This API key has sent more than {per_minute} requests in this minute. Try again in"
            f" {seconds} s."
        )
        self.seconds = seconds


# The name in `type` and the HTTP status of each error.
KINDS: dict[type[Exception], tuple[str, HTTPStatus]] = {
    InvalidRequestError: ("invalid-request", HTTPStatus.BAD_REQUEST),
    BudgetExceededError: ("budget-exceeded", HTTPStatus.PAYMENT_REQUIRED),
    ForbiddenError: ("forbidden", HTTPStatus.FORBIDDEN),
    NotFoundError: ("not-found", HTTPStatus.NOT_FOUND),
    ConflictError: ("conflict", HTTPStatus.CONFLICT),
    ConfirmationRequiredError: ("confirmation-required", HTTPStatus.CONFLICT),
    EndedError: ("already-ended", HTTPStatus.CONFLICT),
    NotEndedError: ("not-ended", HTTPStatus.CONFLICT),
    OutdatedError: ("outdated", HTTPStatus.CONFLICT),
    NotResumableError: ("not-resumable", HTTPStatus.CONFLICT),
    TooLargeError: ("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    TooManyRequestsError: ("too-many-requests", HTTPStatus.TOO_MANY_REQUESTS),
    UnavailableError: ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    MediaTypeError: ("unsupported-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
}

_CRASH = "Darkroom failed internally. Try again."
# A POST without an Idempotency-Key may have created a job before the crash.
_CRASHES = {
    "POST /v1/keys": "Darkroom failed internally, but may have created a key before. Check GET"
    " /v1/keys: a repeat of the request creates another key.",
    "POST": "Darkroom failed internally, but may have accepted the request before. Check GET"
    " /v1/jobs before you repeat the request. With an Idempotency-Key, a repeat is safe.",
}


def problem_of(error: Exception, method: str, path: str) -> Problem:
    """Return the problem document of an error. An unexpected error is reported without details."""
    crash = _CRASHES.get(f"{method} {path}") or _CRASHES.get(method, _CRASH)
    name, status = KINDS.get(type(error), ("internal-error", HTTPStatus.INTERNAL_SERVER_ERROR))
    is_crash = status is HTTPStatus.INTERNAL_SERVER_ERROR
    errors = tuple(error.problems) if isinstance(error, InvalidRequestError) else ()
    return Problem(
        type=f"{_TYPE}{name}",
        title=name.replace("-", " ").capitalize(),
        status=status,
        detail=crash if is_crash else str(error),
        errors=errors,
        **_money(error),
    )


def _money(error: Exception) -> dict[str, int | None]:
    if isinstance(error, ConfirmationRequiredError):
        return {"cost_micro_usd": error.cost}
    if not isinstance(error, BudgetExceededError):
        return {}
    return {
        "budget_micro_usd": error.cap,
        "left_micro_usd": error.left,
        "cost_micro_usd": error.cost,
    }
