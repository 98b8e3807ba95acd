"""Events, executions, metrics and the clock in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from darkroom.domain.audit import AuditEntry
from darkroom.domain.events import Event
from darkroom.domain.executions import Execution

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class StoppedClock:
    """The port Clock: only `advance` and `sleep` move the time."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """The port Sleep: advance the clock; nothing else runs in this time."""
        self.advance(seconds)


@dataclass
class InMemoryEvents:
    """The port Events."""

    published: list[Event] = field(default_factory=list)

    def publish(self, event: Event) -> None:
        self.published.append(event)

    def of_type(self, name: str) -> list[Event]:
        """Return the published events of one detail-type."""
        return [event for event in self.published if type(event).__name__ == name]


@dataclass
class InMemoryAudit:
    """The port Audit."""

    entries: list[AuditEntry] = field(default_factory=list)

    def record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)


@dataclass
class InMemoryAuditedSettings:
    """The port AuditedSettings."""

    values: dict[str, str] = field(default_factory=dict)

    def read(self) -> dict[str, str]:
        return self.values

    def write(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def note(self, name: str, value: str) -> None:
        if self.values:
            self.values[name] = value


def execution_name(record_id: str, attempt: int) -> str:
    """Return the name of an execution; jobs have no attempts."""
    return f"{record_id}-{attempt}" if attempt else record_id


@dataclass
class InMemoryWorkflow:
    """The port Workflow. `started`: the names of the existing executions."""

    started: list[str] = field(default_factory=list)
    ended: dict[str, Execution] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)

    def start(self, record_id: str, attempt: int = 0) -> bool:
        name = execution_name(record_id, attempt)
        if name in self.started:
            return False
        self.started.append(name)
        return True

    def status(self, record_id: str, attempt: int = 0) -> Execution | None:
        name = execution_name(record_id, attempt)
        return self.ended.get(name, Execution.RUNNING) if name in self.started else None

    def wake(self, token: str) -> None:
        self.woken.append(token)


class MetricRecord(NamedTuple):
    """One recorded value of a metric."""

    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


@dataclass
class InMemoryMetrics:
    """The port Metrics."""

    recorded: list[MetricRecord] = field(default_factory=list)

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        self.recorded.append(MetricRecord(name, value, unit, dimensions))

    def total(self, name: str) -> float:
        """Return the sum of one metric."""
        return sum(record.value for record in self.recorded if record.name == name)
