"""Request a job: a JobRequested event becomes a job or a JobRejected event."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from darkroom.domain import events
from darkroom.domain.callers import Caller
from darkroom.domain.errors import (
    BudgetExceededError,
    Code,
    ConflictError,
    FieldProblem,
    InvalidRequestError,
    sentence,
)
from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.ports import Events, Metrics
from darkroom.usecases.jobs.create_job import CreateJob, RequestSource

_KEY = TypeAdapter[str](events.IdempotencyKey)


@dataclass(frozen=True)
class RequestJob:
    """The EventBridge entry point."""

    create_job: CreateJob
    events: Events
    metrics: Metrics
    max_deadline: int

    def __call__(self, detail: object, *, caller: Caller, event_id: str) -> Job | None:
        """Return the job, or None if the request was rejected. Idempotent."""
        key: str | None = None
        code = Code.INVALID_REQUEST
        try:
            key, body = _split(detail)
            request = parse_request(body, max_deadline_seconds=self.max_deadline)
            return self.create_job(request, RequestSource(caller, key or event_id, event_id))
        except InvalidRequestError as error:
            problems = error.problems
        except BudgetExceededError as error:
            code, problems = Code.BUDGET_EXCEEDED, [error.problem]
        except ConflictError as error:
            problems = [
                FieldProblem(field="idempotency_key", message=str(error), allowed="a new key")
            ]
        self.metrics.count("RequestsRejected")
        self.events.publish(
            events.JobRejected(
                id=f"{event_id}.rejected",
                caller=caller.name,
                request_id=event_id,
                code=code,
                message=sentence(problems),
                errors=tuple(problems),
                idempotency_key=key,
            )
        )
        return None


def _split(detail: object) -> tuple[str | None, object]:
    """Return the idempotency key, if there is one, and the request without it."""
    if not isinstance(detail, Mapping) or "idempotency_key" not in detail:
        return None, detail
    body = {name: value for name, value in detail.items() if name != "idempotency_key"}
    key = detail["idempotency_key"]
    try:
        return (None if key is None else _KEY.validate_python(key)), body
    except ValidationError:
        allowed = "a string of 1 to 256 characters"
        raise InvalidRequestError.of(
            "idempotency_key", f"`idempotency_key` must be {allowed}.", allowed
        ) from None
