"""What goes out: events, executions, metrics; and the time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from darkroom.domain.events import Event
from darkroom.ports import Execution

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class StoppedClock:
    """The port Clock: time passes when the test says so."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """What a function does that waits for its slot; nothing else happens meanwhile."""
        self.advance(seconds)


@dataclass
class InMemoryEvents:
    """The port Events."""

    published: list[Event] = field(default_factory=list)

    def publish(self, event: Event) -> None:
        self.published.append(event)

    def named(self, name: str) -> list[Event]:
        """The published events of one detail-type."""
        return [event for event in self.published if type(event).__name__ == name]


@dataclass
class InMemoryWorkflow:
    """The port Workflow; `started` are the executions that exist."""

    started: list[str] = field(default_factory=list)
    ended: dict[str, Execution] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)

    def start(self, job_id: str) -> bool:
        if job_id in self.started:
            return False
        self.started.append(job_id)
        return True

    def status(self, job_id: str) -> Execution | None:
        if job_id not in self.started:
            return None
        return self.ended.get(job_id, Execution.RUNNING)

    def wake(self, token: str) -> None:
        self.woken.append(token)


class Counted(NamedTuple):
    """One addition to a metric."""

    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


@dataclass
class InMemoryMetrics:
    """The port Metrics."""

    counted: list[Counted] = field(default_factory=list)

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        self.counted.append(Counted(name, value, unit, dimensions))

    def total(self, name: str) -> float:
        """The sum of one metric."""
        return sum(each.value for each in self.counted if each.name == name)
