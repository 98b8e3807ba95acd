"""Events, executions, metrics, the clock and runtime flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkroom.domain.events import Event


type Clock = Callable[[], datetime]
type Sleep = Callable[[float], None]


class Events(Protocol):
    """The event bus."""

    def publish(self, event: Event) -> None:
        """Publish an event. Raises if the bus does not accept it."""


class Execution(StrEnum):
    """The status of an execution."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


class Workflow(Protocol):
    """The state machine of jobs."""

    def start(self, job_id: str) -> bool:
        """Start the job's execution. Returns False if it was started before."""

    def status(self, job_id: str) -> Execution | None:
        """Return the status of the job's execution; None without one."""

    def wake(self, token: str) -> None:
        """End the wait of a task token. Does nothing if the wait has ended."""


@dataclass(frozen=True)
class RuntimeFlags:
    """Settings that the owner can change within seconds, without a deployment."""

    submits: bool = True  # whether jobs may be submitted
    webhook_url: str | None = None  # root URL of the API; None disables webhooks

    def webhook(self, job_id: str, token: str | None) -> str | None:
        """Return the webhook URL of a POST; None if webhooks are disabled.

        The path has the job id. `token` identifies the POST.
        """
        if self.webhook_url is None:
            return None
        return f"{self.webhook_url}/webhooks/wavespeed/{job_id}?token={token}"


class FlagStore(Protocol):
    """The store of the runtime flags."""

    def read(self) -> RuntimeFlags:
        """Return the flags, at most a few seconds old."""


class Metrics(Protocol):
    """CloudWatch metrics."""

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Add a value to a metric."""
