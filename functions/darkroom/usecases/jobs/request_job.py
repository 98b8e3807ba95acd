"""Request a job: a JobRequested event becomes a job or a JobRejected event."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from darkroom.domain import events, job_events
from darkroom.domain.callers import Caller
from darkroom.domain.errors import InvalidRequestError, RejectedError
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

    def run(self, detail: object, *, caller: Caller, event_id: str) -> Job | None:
        """Return the job, or None if the request was rejected. Idempotent."""
        key: str | None = None
        try:
            key, body = _split(detail)
            request = parse_request(body)
            return self.create_job.run(request, RequestSource(caller, key or event_id, event_id))
        except RejectedError as error:
            event = job_events.rejected(
                error, caller=caller.name, request_id=event_id, idempotency_key=key
            )
            self.metrics.count("RequestsRejected")
            self.events.publish(event)
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
