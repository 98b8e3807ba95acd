"""Read the numbers: days, durations, and how the line stands."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from darkroom.domain.limiter import Line
from darkroom.domain.stats import Day, Durations, Kind, durations_of
from darkroom.ports import Clock, Lines, Stats


@dataclass(frozen=True)
class Numbers:
    """What is known up to now."""

    since: date
    until: date
    days: list[Day]
    durations: list[Durations]
    lines: list[Line]
    held_seconds: float  # until one of them goes on


@dataclass(frozen=True)
class ReadStats:
    """The numbers of the last days."""

    stats: Stats
    lines: Lines
    now: Clock

    def __call__(self, days: int, caller: str | None) -> Numbers:
        """Return those of one caller, or of everybody, today included."""
        now, lines = self.now(), self.lines.read_all()
        until = now.date()
        since = until - timedelta(days=days - 1)
        kinds: dict[Kind, Counter[int]] = {}
        for found in self.stats.histograms(since, until).values():
            for kind, counts in found.items():
                kinds.setdefault(kind, Counter()).update(counts)
        return Numbers(
            since=since,
            until=until,
            days=self.stats.days(since, until, caller),
            durations=[durations_of(kind, counts) for kind, counts in sorted(kinds.items())],
            lines=lines,
            held_seconds=max(0.0, min(line.next_at for line in lines) - now.timestamp()),
        )
