"""Read the numbers: days, durations, and how the line stands."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from darkroom.domain.stats import Day, Durations, ImageKind, durations_of
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Clock, Stats, SubmitQueue


@dataclass(frozen=True)
class StatsReport:
    """What is known up to now."""

    since: date
    until: date
    days: list[Day]
    durations: list[Durations]
    shards: list[QueueShard]
    paused_seconds: float  # until one of them goes on


@dataclass(frozen=True)
class ReadStats:
    """The numbers of the last days."""

    stats: Stats
    queue: SubmitQueue
    now: Clock

    def __call__(self, days: int, caller: str | None) -> StatsReport:
        """Return those of one caller, or of everybody, today included."""
        now, shards = self.now(), self.queue.read_all()
        until = now.date()
        since = until - timedelta(days=days - 1)
        kinds: dict[ImageKind, Counter[int]] = {}
        for found in self.stats.histograms(since, until).values():
            for kind, counts in found.items():
                kinds.setdefault(kind, Counter()).update(counts)
        return StatsReport(
            since=since,
            until=until,
            days=self.stats.days(since, until, caller),
            durations=[durations_of(kind, counts) for kind, counts in sorted(kinds.items())],
            shards=shards,
            paused_seconds=max(0.0, min(shard.next_at for shard in shards) - now.timestamp()),
        )
