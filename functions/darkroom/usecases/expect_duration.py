"""Expect: say how long a job will take at the provider, by what jobs like it took lately."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from darkroom.domain.durations import ENOUGH, Expected, learned, published
from darkroom.domain.job import Job
from darkroom.domain.stats import ImageKind, kind_of
from darkroom.ports import Clock, Stats

_DAYS = 14
# How long what was read is good for: a running function asks once for many jobs.
_FRESH = timedelta(minutes=5)


@dataclass
class ExpectDuration:
    """The deployment's own durations over the published ones, of the newest days that suffice."""

    stats: Stats
    now: Clock
    scale: float
    _read_at: datetime | None = None
    _seen: dict[ImageKind, Counter[int]] = field(default_factory=dict)

    def __call__(self, job: Job) -> Expected:
        """Return what to expect of a job that is about to be sent."""
        kind, prior = kind_of(job), published(job.input, self.scale)
        if not kind.is_known:
            return prior
        if self._read_at is None or self.now() - self._read_at > _FRESH:
            self._read()
        return learned(prior, self._seen.get(kind, {}))

    def _read(self) -> None:
        today = self.now().date()
        days = self.stats.histograms(today - timedelta(days=_DAYS), today)
        self._seen, self._read_at = {}, self.now()
        for day in sorted(days, reverse=True):
            for kind, counts in days[day].items():
                seen = self._seen.setdefault(kind, Counter())
                if seen.total() < ENOUGH:
                    seen.update(counts)
