"""Tally: count an ended job, once, however often its end is told."""

from dataclasses import dataclass

from darkroom.domain.stats import stats_of
from darkroom.ports import Jobs, Stats


@dataclass(frozen=True)
class RecordStats:
    """Add an ended job to the day's numbers: the event is a nudge, the record is what counts."""

    jobs: Jobs
    stats: Stats

    def __call__(self, job_id: str) -> bool:
        """Return whether it was counted now; False if it was before, or is gone."""
        job = self.jobs.get(job_id)
        if job is None or job.is_open or job.stats_recorded_at is not None:
            return False
        return self.stats.add(job_id, stats_of(job), job.expires_at)
