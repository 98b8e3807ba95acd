"""Read statistics: daily totals, durations, and the state of the submit queue."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from darkroom.domain.stats import Day, Durations, ImageKind, durations_of
from darkroom.ports import Clock, Stats
from darkroom.usecases.jobs.read_queue import QueueState, ReadQueue


@dataclass(frozen=True)
class StatsReport:
    """Statistics of a range of days, and the current submit queue."""

    since: date
    until: date
    days: list[Day]
    durations: list[Durations]
    queue: QueueState


@dataclass(frozen=True)
class ReadStats:
    """Statistics of the last days."""

    stats: Stats
    read_queue: ReadQueue
    now: Clock

    def run(self, days: int, caller: str | None) -> StatsReport:
        """Return the last `days` days, today included, of one caller, or of all callers if None."""
        until = self.now().date()
        since = until - timedelta(days=days - 1)
        kinds: dict[ImageKind, Counter[int]] = {}
        for histograms in self.stats.histograms(since, until).values():
            for kind, counts in histograms.items():
                kinds.setdefault(kind, Counter()).update(counts)
        return StatsReport(
            since=since,
            until=until,
            days=self.stats.days(since, until, caller),
            durations=[durations_of(kind, counts) for kind, counts in sorted(kinds.items())],
            queue=self.read_queue.run(),
        )
