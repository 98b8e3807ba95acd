"""Restart: a job that was recorded and then not started is started."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from darkroom.domain.job import Job, Status
from darkroom.ports import Clock, Cursor, JobLists, Metrics, Workflow

# A door starts what it records at once. What came longer ago was looked at by earlier sweeps.
_YOUNGEST, _OLDEST = timedelta(minutes=2), timedelta(hours=1)
_PAGE = 100


@dataclass(frozen=True)
class RestartJobs:
    """Mend a crash between a record and its execution, where no next try would come."""

    lists: JobLists
    workflow: Workflow
    metrics: Metrics
    now: Clock

    def __call__(self) -> list[str]:
        """Return the ids of the jobs that were started; those that ran already are left alone.

        Safe to repeat: an execution has the job's name, and there is never a second one of a name.
        """
        started: list[str] = []
        for job in self._recent():
            waits = job.status is Status.QUEUED and job.submit_attempts == 0
            if waits and self.workflow.start(job.job_id):
                self.metrics.count("JobsRestarted")
                started.append(job.job_id)
        return started

    def _recent(self) -> Iterator[Job]:
        now = self.now()
        after: Cursor | None = Cursor(now - _YOUNGEST, "")
        while after is not None:
            jobs, after = self.lists.page(None, limit=_PAGE, after=after)
            for job in jobs:
                if job.accepted_at < now - _OLDEST:
                    return
                yield job
