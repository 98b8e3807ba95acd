"""AWS faults as data: each fault names the calls that it matches."""

from dataclasses import dataclass
from typing import Any, Literal

from local.errors import LocalError

type Kind = Literal["error", "slow", "reset", "lost", "partial"]

# The error code and HTTP status of each service when it throttles, and when it fails.
THROTTLES: dict[str, tuple[str, int]] = {
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "events": ("ThrottlingException", 400),
    "s3": ("SlowDown", 503),
    "secretsmanager": ("ThrottlingException", 400),
    "ssm": ("ThrottlingException", 400),
    "stepfunctions": ("ThrottlingException", 400),
}
OUTAGES: dict[str, tuple[str, int]] = {
    "dynamodb": ("InternalServerError", 500),
    "events": ("InternalException", 500),
    "s3": ("InternalError", 500),
    "secretsmanager": ("InternalServiceError", 500),
    "ssm": ("InternalServerError", 500),
    "stepfunctions": ("InternalServerError", 500),
}
SERVICES = tuple(THROTTLES)


@dataclass(frozen=True)
class Fault:
    """A fault, the calls that it matches, and how often it fires.

    `operation` and `function` None match every call; `times` None sets no limit. `probability` is
    the share of matching calls.
    """

    kind: Kind
    service: str
    operation: str | None = None
    function: str | None = None
    probability: float = 1.0
    times: int | None = None
    code: str = ""
    status: int = 0
    milliseconds: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        return f"{self.service} {self.operation or '*'}: {self.code or self.kind}"

    def matches(self, operation: str, function: str) -> bool:
        """Return whether the fault may fire for a function's call, such as `s3 PutObject`."""
        service, _, name = operation.partition(" ")
        return (
            service == self.service
            and self.operation in (None, name)
            and self.function in (None, function)
        )


def throttle(service: str, operation: str | None = None, **options: Any) -> Fault:
    """Return the throttling error of a service. The call has no effect."""
    code, status = _lookup(THROTTLES, service)
    return Fault("error", service, operation, code=code, status=status, **options)


def outage(service: str, operation: str | None = None, **options: Any) -> Fault:
    """Return the internal error of a service. The call has no effect."""
    code, status = _lookup(OUTAGES, service)
    return Fault("error", service, operation, code=code, status=status, **options)


def slow(
    service: str, operation: str | None = None, *, milliseconds: tuple[int, int], **options: Any
) -> Fault:
    """Delay the call. A client with a shorter timeout gives up before the call has its effect."""
    return Fault("slow", service, operation, milliseconds=milliseconds, **options)


def reset(service: str, operation: str | None = None, **options: Any) -> Fault:
    """Reset the connection. The call has no effect."""
    return Fault("reset", service, operation, **options)


def lost(service: str, operation: str | None = None, **options: Any) -> Fault:
    """Let the call have its effect, then reset the connection instead of responding."""
    return Fault("lost", service, operation, **options)


def partial_put_events(code: str = "InternalFailure", **options: Any) -> Fault:
    """Return 200 with FailedEntryCount: at least one entry is rejected."""
    return Fault("partial", "events", "PutEvents", code=code, **options)


def _lookup(table: dict[str, tuple[str, int]], service: str) -> tuple[str, int]:
    if service not in table:
        raise LocalError(f"the service {service} has no such fault")
    return table[service]
