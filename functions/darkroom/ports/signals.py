"""What goes out: events, executions, metrics; the time; and what the owner has switched."""

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
    """The bus."""

    def publish(self, event: Event) -> None:
        """Put the event on the bus; raises if the bus did not take it."""


class Execution(StrEnum):
    """How an execution stands."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


class Workflow(Protocol):
    """The state machine."""

    def start(self, job_id: str) -> bool:
        """Start the job's execution; a second start does nothing, and says so by False."""

    def status(self, job_id: str) -> Execution | None:
        """Return how the job's execution stands; None if there is none."""

    def wake(self, token: str) -> None:
        """End the wait that `token` stands for; nothing if it has ended already."""


@dataclass(frozen=True)
class RuntimeFlags:
    """What the owner can change within seconds, without a deployment."""

    submits: bool = True
    webhook_url: str | None = None  # the API's root, if the provider is to call it

    def webhook(self, job_id: str, token: str | None) -> str | None:
        """Return where the provider is to call: the path names the job, the token its very POST."""
        if self.webhook_url is None:
            return None
        return f"{self.webhook_url}/webhooks/wavespeed/{job_id}?token={token}"


class FlagStore(Protocol):
    """Where the switches are."""

    def read(self) -> RuntimeFlags:
        """Return how they stand, some seconds old at most."""


class Metrics(Protocol):
    """What is counted."""

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Add to a metric."""
