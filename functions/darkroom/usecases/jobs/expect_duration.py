"""Expected duration: how long a job takes at the provider, learned from recent similar jobs."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from darkroom.domain.durations import ENOUGH_JOBS, ExpectedDuration, learned, published
from darkroom.domain.job import Job
from darkroom.domain.stats import ImageKind, kind_of
from darkroom.ports import Clock, Stats

_DAYS = 14
# Histograms are cached this long: one function instance reads them once for many jobs.
_MAX_AGE = timedelta(minutes=5)


@dataclass
class ExpectDuration:
    """Predict durations from the deployment's own histograms, with published figures as prior.

    The newest days are used until they contain enough jobs of a kind.
    """

    stats: Stats
    now: Clock
    scale: float
    _read_at: datetime | None = None
    _histograms: dict[ImageKind, Counter[int]] = field(default_factory=dict)

    def run(self, job: Job) -> ExpectedDuration:
        """Return the expected duration of a job that is about to be submitted."""
        kind, prior = kind_of(job), published(job.input, self.scale)
        if not kind.is_known:
            return prior
        if self._read_at is None or self.now() - self._read_at > _MAX_AGE:
            self._read()
        return learned(prior, self._histograms.get(kind, {}))

    def _read(self) -> None:
        today = self.now().date()
        days = self.stats.histograms(today - timedelta(days=_DAYS), today)
        self._histograms, self._read_at = {}, self.now()
        for day in sorted(days, reverse=True):
            for kind, counts in days[day].items():
                histogram = self._histograms.setdefault(kind, Counter())
                if histogram.total() < ENOUGH_JOBS:
                    histogram.update(counts)
