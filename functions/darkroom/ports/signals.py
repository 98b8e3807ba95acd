"""What goes out: events, executions, metrics; and the time."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from darkroom.domain.events import Event

type Clock = Callable[[], datetime]
type Sleep = Callable[[float], None]


class Events(Protocol):
    """The bus."""

    def publish(self, event: Event) -> None:
        """Put the event on the bus; raises if the bus did not take it."""


class Workflow(Protocol):
    """The state machine."""

    def start(self, job_id: str) -> bool:
        """Start the job's execution; a second start does nothing, and says so by False."""


class Metrics(Protocol):
    """What is counted."""

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        """Add to a metric."""
