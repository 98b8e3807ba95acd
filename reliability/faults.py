"""Faults as data: each fault names the requests of workers that it matches."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from local.errors import LocalError

type Moment = Literal["before", "after"]
type Kind = Literal["error", "slow", "reset", "lost", "partial", "kill before", "kill after"]

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
    """A fault, the requests that it matches, and how often it fires.

    `operation` is a name such as `dynamodb PutItem` or `POST /api/v3/x`. `*` in both names is a
    wildcard. The fault fires from the nth match on, `times` times (None: no limit), each time with
    the `probability`.
    """

    kind: Kind
    operation: str
    function: str = "*"
    probability: float = 1.0
    nth: int = 1
    times: int | None = None
    code: str = ""
    status: int = 0
    milliseconds: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        return f"{self.operation}: {self.code or self.kind}"

    def matches(self, operation: str, function: str) -> bool:
        """Return whether the fault may fire for a function's request."""
        return fnmatchcase(operation, self.operation) and fnmatchcase(function, self.function)


def throttle(service: str, operation: str = "*", **options: Any) -> Fault:
    """Return the throttling error of a service. The call has no effect."""
    return _error(THROTTLES, service, operation, options)


def outage(service: str, operation: str = "*", **options: Any) -> Fault:
    """Return the internal error of a service. The call has no effect."""
    return _error(OUTAGES, service, operation, options)


def slow(
    service: str, operation: str = "*", *, milliseconds: tuple[int, int], **options: Any
) -> Fault:
    """Delay the call. A client with a shorter timeout gives up before the call has its effect."""
    return Fault("slow", f"{service} {operation}", milliseconds=milliseconds, **options)


def reset(service: str, operation: str = "*", **options: Any) -> Fault:
    """Reset the connection. The call has no effect."""
    return Fault("reset", f"{service} {operation}", **options)


def lost(service: str, operation: str = "*", **options: Any) -> Fault:
    """Let the call have its effect, then reset the connection instead of responding."""
    return Fault("lost", f"{service} {operation}", **options)


def partial_put_events(code: str = "InternalFailure", **options: Any) -> Fault:
    """Return 200 with FailedEntryCount: at least one entry is rejected."""
    return Fault("partial", "events PutEvents", code=code, **options)


def kill(function: str, operation: str, *, nth: int = 1, moment: Moment = "before") -> Fault:
    """Kill the worker once with SIGKILL: before its request is sent, or after its effect."""
    return Fault(f"kill {moment}", operation, function, nth=nth, times=1)  # type: ignore[arg-type]


def _error(
    table: dict[str, tuple[str, int]], service: str, operation: str, options: dict[str, Any]
) -> Fault:
    if service not in table:
        raise LocalError(f"the service {service} has no such fault")
    code, status = table[service]
    return Fault("error", f"{service} {operation}", code=code, status=status, **options)
