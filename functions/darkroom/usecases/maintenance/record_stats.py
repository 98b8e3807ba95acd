"""Record statistics: count an ended job exactly once, however often its event is delivered."""

from dataclasses import dataclass

from darkroom.domain.stats import stats_of
from darkroom.ports import Jobs, Stats


@dataclass(frozen=True)
class RecordStats:
    """Add an ended job to its day's statistics. All values come from the job record."""

    jobs: Jobs
    stats: Stats

    def run(self, job_id: str) -> bool:
        """Return True if the job was counted by this call.

        Return False if the job was counted before, is still open, or has no record.
        """
        job = self.jobs.get(job_id)
        if job is None or job.is_open or job.stats_recorded_at is not None:
            return False
        return self.stats.add(job_id, stats_of(job), job.expires_at)
