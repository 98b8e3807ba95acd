"""Sweep: look at every job that is overdue, and restart, close or recover it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job, Status
from darkroom.ports import Clock, Execution, JobLists, Jobs, Metrics, SubmitQueue, Workflow
from darkroom.usecases.end_job import EndJob
from darkroom.usecases.recover_job import RecoverJob

_PAGE = 50
# A job that runs is looked at again so much later.
_AGAIN = timedelta(minutes=10)
# A job that is so long overdue, though its execution runs, is stuck.
_STUCK = timedelta(hours=1)
_CODES = {Execution.ABORTED: Code.CANCELED, Execution.TIMED_OUT: Code.DEADLINE_EXCEEDED}


class SweepResult(StrEnum):
    """What was done about a job."""

    RESTARTED = "restarted"
    CLOSED = "closed"
    RECOVERED = "recovered"
    LEFT = "left"  # it goes on by itself, or its result has not come


@dataclass(frozen=True)
class SweepJobs:
    """Nothing stays open: what no execution brings to its end, this does."""

    jobs: Jobs
    lists: JobLists
    queue: SubmitQueue
    workflow: Workflow
    end: EndJob
    recover: RecoverJob
    metrics: Metrics
    now: Clock

    def __call__(self, goes_on: Callable[[], bool] = lambda: True) -> dict[str, list[str]]:
        """Return the ids of the jobs by what was done; stops early when `goes_on` says so.

        Safe to repeat, and beside another sweep.
        """
        told: dict[str, list[str]] = {}
        start, stuck = self.now(), 0
        failure: Exception | None = None
        for job in self._due(start):
            if not goes_on():
                break
            stuck += job.is_open and self._is_stuck(job)
            try:
                told.setdefault(str(self._repair(job)), []).append(job.job_id)
            except Exception as error:
                failure = error
                later = self.now() + _AGAIN
                self.jobs.update(job.job_id, when=[job.status], sweep_after=later)
        self.metrics.count("StuckJobs", stuck)
        stopped = any(not shard.breaker.is_closed for shard in self.queue.read_all())
        self.metrics.count("BreakerOpen", int(stopped))
        if failure is not None:
            raise failure
        return told

    def _due(self, start: datetime) -> Iterator[Job]:
        """Read each record again: what the index says of it may be old."""
        seen: set[str] = set()
        while True:
            listed = self.lists.due(start, limit=_PAGE)
            fresh = [each.job_id for each in listed if each.job_id not in seen]
            seen.update(fresh)
            for job in filter(None, map(self.jobs.get, fresh)):
                if job.sweep_after is not None and job.sweep_after <= start:
                    yield job
            if not fresh or len(listed) < _PAGE:
                return

    def _repair(self, job: Job) -> SweepResult:
        if job.published_at is None and not job.is_open:
            self.end.publish_end(job)
            return SweepResult.CLOSED
        if not job.is_open:
            return SweepResult.RECOVERED if self.recover(job) else SweepResult.LEFT
        execution = self.workflow.status(job.job_id)
        if execution is None and job.status is Status.QUEUED:
            self.workflow.start(job.job_id)
            self.metrics.count("JobsRestarted")
            self._look_again(job)
            return SweepResult.RESTARTED
        if execution is Execution.RUNNING and not self._is_over(job):
            self._look_again(job)
            return SweepResult.LEFT
        code = self._code(job, execution)
        self.end.fail(job.job_id, code)
        self.metrics.count("JobsClosed", code=str(code))
        return SweepResult.CLOSED

    def _look_again(self, job: Job) -> None:
        self.jobs.update(job.job_id, when=OPEN, sweep_after=self.now() + _AGAIN)

    def _is_over(self, job: Job) -> bool:
        """Tell whether a job that is with the provider should have ended an hour ago."""
        if job.submitted_at is None or job.provider_completed_at is not None:
            return False
        return self.now() > job.submitted_at + timedelta(seconds=job.deadline_seconds) + _STUCK

    def _is_stuck(self, job: Job) -> bool:
        since = job.submitted_at or job.submitting_at
        if since is None:
            return False
        return self.now() > since + timedelta(seconds=job.deadline_seconds) + _STUCK

    def _code(self, job: Job, execution: Execution | None) -> Code:
        if job.canceled_at is not None:
            return Code.CANCELED
        if job.status is Status.SUBMITTING:
            return Code.SUBMISSION_UNKNOWN
        if execution is Execution.RUNNING:
            return Code.DEADLINE_EXCEEDED
        return _CODES.get(execution, Code.INTERNAL_ERROR) if execution else Code.INTERNAL_ERROR
