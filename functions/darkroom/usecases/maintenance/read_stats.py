"""Read statistics: daily totals, durations, and the state of the submit queue."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from darkroom.domain.stats import Day, Durations, ImageKind, durations_of
from darkroom.domain.submit_queue import QueueSnapshot
from darkroom.ports import Clock, FlagStore, RuntimeFlags, Stats, SubmitQueue


@dataclass(frozen=True)
class StatsReport:
    """Statistics of a range of days, and the current submit queue."""

    since: date
    until: date
    days: list[Day]
    durations: list[Durations]
    queue: QueueSnapshot
    paused_seconds: float  # until the first shard may submit, 0 if none is paused
    flags: RuntimeFlags


@dataclass(frozen=True)
class ReadStats:
    """Statistics of the last days."""

    stats: Stats
    queue: SubmitQueue
    flag_store: FlagStore
    now: Clock

    def run(self, days: int, caller: str | None) -> StatsReport:
        """Return the last `days` days, today included, of one caller, or of all callers if None."""
        now, queue = self.now(), self.queue.read_all()
        until = now.date()
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
            queue=queue,
            paused_seconds=max(0.0, queue.next_at - now.timestamp()),
            flags=self.flag_store.read(),
        )
