"""Errors as callers see them: RFC 9457 problems, or the provider's envelope on its own paths."""

from http import HTTPStatus

from darkroom.domain.errors import (
    BudgetExceededError,
    ConfirmationRequiredError,
    ConflictError,
    EndedError,
    FieldProblem,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
)
from darkroom.web.contract import Problem

CONTENT_TYPE = "application/problem+json"
_TYPE = "urn:darkroom:problem:"


class TooLargeError(Exception):
    """The body is larger than is taken."""


class MediaTypeError(Exception):
    """The body is not JSON by its content type."""


# Each error's name in `type`, and its status.
KINDS: dict[type[Exception], tuple[str, HTTPStatus]] = {
    InvalidRequestError: ("invalid-request", HTTPStatus.BAD_REQUEST),
    BudgetExceededError: ("budget-exceeded", HTTPStatus.PAYMENT_REQUIRED),
    ForbiddenError: ("forbidden", HTTPStatus.FORBIDDEN),
    NotFoundError: ("not-found", HTTPStatus.NOT_FOUND),
    ConflictError: ("conflict", HTTPStatus.CONFLICT),
    ConfirmationRequiredError: ("confirmation-required", HTTPStatus.CONFLICT),
    EndedError: ("already-ended", HTTPStatus.CONFLICT),
    TooLargeError: ("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    MediaTypeError: ("unsupported-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
}

_CRASH = "Darkroom itself failed; try again."
# A job may have been made before the crash, under a key that the caller does not know.
_CRASHES = {
    "POST": "Darkroom itself failed, perhaps after it took the request: look at GET /v1/jobs before"
    " asking again, or ask with an Idempotency-Key, with which a repeat is safe."
}


def problem_of(error: Exception, method: str) -> Problem:
    """Return what a caller is told; of a crash only that there was one."""
    name, status = KINDS.get(type(error), ("internal-error", HTTPStatus.INTERNAL_SERVER_ERROR))
    is_crash = status is HTTPStatus.INTERNAL_SERVER_ERROR
    errors = tuple(error.problems) if isinstance(error, InvalidRequestError) else ()
    return Problem(
        type=f"{_TYPE}{name}",
        title=name.replace("-", " ").capitalize(),
        status=status,
        detail=_CRASHES.get(method, _CRASH) if is_crash else sentence(error, errors),
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


def sentence(error: Exception, errors: tuple[FieldProblem, ...]) -> str:
    """Return the error in words."""
    if not errors:
        return str(error)
    return "; ".join(
        f"{each.field or 'the body'} {each.message}"
        + (f" (allowed: {each.allowed})" if each.allowed else "")
        for each in errors
    )
