"""What can go wrong with AWS, as data: each fault names the calls that it befalls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from local.errors import LocalError
from reliability.route import FUNCTION

type Kind = Literal["error", "slow", "reset", "lost", "partial"]

# What each service says when it is too much, and when it is broken (code, status).
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
    """What, where (None: everywhere), how often of the calls that fit, and how many times."""

    kind: Kind
    service: str
    operation: str | None = None
    function: str | None = None
    probability: float = 1.0
    times: int | None = None
    code: str | None = None
    status: int | None = None
    milliseconds: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        where = f"{self.service} {self.operation or '*'}"
        return f"{where}: {self.code or self.kind}"


def throttle(service: str, operation: str | None = None, **more: Any) -> Fault:
    """Say "too many requests" as this service does; nothing was done."""
    code, status = _known(THROTTLES, service)
    return Fault("error", service, operation, code=code, status=status, **more)


def outage(service: str, operation: str | None = None, **more: Any) -> Fault:
    """Say "internal error" as this service does; nothing was done."""
    code, status = _known(OUTAGES, service)
    return Fault("error", service, operation, code=code, status=status, **more)


def error(service: str, operation: str | None, code: str, status: int, **more: Any) -> Fault:
    """Answer with any error that this service has."""
    return Fault("error", service, operation, code=code, status=status, **more)


def slow(
    service: str, operation: str | None = None, *, milliseconds: tuple[int, int], **more: Any
) -> Fault:
    """Do it that much later; a client that waits less has given up before it is done."""
    return Fault("slow", service, operation, milliseconds=milliseconds, **more)


def reset(service: str, operation: str | None = None, **more: Any) -> Fault:
    """Cut the connection; nothing was done."""
    return Fault("reset", service, operation, **more)


def lost(service: str, operation: str | None = None, **more: Any) -> Fault:
    """Do it, then cut the connection instead of answering."""
    return Fault("lost", service, operation, **more)


def partial_put_events(code: str = "InternalFailure", **more: Any) -> Fault:
    """Answer 200 with FailedEntryCount: a lone entry fails, of several at least one."""
    return Fault("partial", "events", "PutEvents", code=code, **more)


def rules(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """The rules of microburst for faults of its kinds."""
    return [_rule(fault) for fault in faults]


def _rule(fault: Fault) -> dict[str, Any]:
    rule: dict[str, Any] = {"service": fault.service, "probability": fault.probability}
    if fault.operation:
        rule["operation"] = fault.operation
    if fault.times is not None:
        rule["times"] = fault.times
    if fault.function:
        rule["headers"] = {FUNCTION: label(fault.function)}
    if fault.kind == "error":
        rule["error"] = {"code": fault.code, "status": fault.status, "message": "on purpose"}
    elif fault.kind == "slow":
        least, most = fault.milliseconds
        rule["latency"] = {"min": least, "max": most}
    else:
        rule["reset"] = True
    return rule


def label(function: str) -> str:
    """A function's name as no other function's name contains it: microburst looks for parts."""
    return f"/{function}/"


def _known(table: dict[str, tuple[str, int]], service: str) -> tuple[str, int]:
    if service not in table:
        raise LocalError(f"no such fault is known of the service {service}")
    return table[service]
