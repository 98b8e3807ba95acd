"""Sweep: inspect every overdue job, and restart, close or recover it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from darkroom.domain.errors import Code
from darkroom.domain.executions import Execution, failure_code
from darkroom.domain.job import Job, Status
from darkroom.domain.sweeping import INTERVAL, sweep_after
from darkroom.ports import Clock, Jobs, Metrics, SubmitQueue, Workflow
from darkroom.usecases.jobs.continue_chain import ContinueChain
from darkroom.usecases.jobs.end_job import EndJob
from darkroom.usecases.jobs.erase_job import EraseJob
from darkroom.usecases.jobs.recover_job import RecoverJob

_PAGE = 50
# A job that is open this long after its deadline is stuck, even if its execution runs.
_STUCK_AFTER = timedelta(hours=1)


class SweepResult(StrEnum):
    """What the sweep did with a job."""

    RESTARTED = "restarted"
    CLOSED = "closed"
    CONTINUED = "continued"  # the chain of the job
    RECOVERED = "recovered"
    ERASED = "erased"
    LEFT = "left"  # the job still runs, or its late result is not available yet


@dataclass(frozen=True)
class SweepJobs:
    """Repair every job that its execution does not end."""

    jobs: Jobs
    queue: SubmitQueue
    workflow: Workflow
    end: EndJob
    recover: RecoverJob
    erase: EraseJob
    continue_chain: ContinueChain
    metrics: Metrics
    now: Clock

    def run(self, can_continue: Callable[[], bool] = lambda: True) -> dict[str, list[str]]:
        """Return the ids of the inspected jobs by result; stop when `can_continue` returns False.

        Idempotent, also while another sweep runs.
        """
        job_ids: dict[str, list[str]] = {}
        start, stuck = self.now(), 0
        failure: Exception | None = None
        for job in self._due(start):
            if not can_continue():
                break
            stuck += job.is_open and self._is_stuck(job)
            try:
                job_ids.setdefault(str(self._repair(job)), []).append(job.job_id)
            except Exception as error:
                failure = error
                self._schedule_next(job)
        self.metrics.count("StuckJobs", stuck)
        self.metrics.count("BreakerOpen", int(not self.queue.read_provider().is_closed))
        if failure is not None:
            raise failure
        return job_ids

    def _due(self, start: datetime) -> Iterator[Job]:
        """Yield the overdue jobs. Each record is read again: the index is eventually consistent."""
        seen: set[str] = set()
        while True:
            listed = self.jobs.due(start, limit=_PAGE)
            new_ids = [job.job_id for job in listed if job.job_id not in seen]
            seen.update(new_ids)
            for job in filter(None, map(self.jobs.get, new_ids)):
                if job.sweep_after is not None and job.sweep_after <= start:
                    yield job
            if not new_ids or len(listed) < _PAGE:
                return

    def _repair(self, job: Job) -> SweepResult:
        if job.published_at is None and not job.is_open:
            self.end.publish_end(job)
            return SweepResult.CLOSED
        if job.erasing_at is not None:
            erased = self.erase.repeat(job)
            return SweepResult.ERASED if erased.erased_at else SweepResult.LEFT
        if not job.is_open and job.has_unpublished_chain:
            return self._continue_chain(job)
        if not job.is_open:
            return SweepResult.RECOVERED if self._recover(job) else SweepResult.LEFT
        execution = self.workflow.status(job.job_id)
        if execution is None and job.status is Status.QUEUED:
            self.workflow.start(job.job_id)
            self.metrics.count("JobsRestarted")
            self._schedule_next(job)
            return SweepResult.RESTARTED
        if execution is Execution.RUNNING and not self._is_stuck_at_provider(job):
            self._schedule_next(job)
            return SweepResult.LEFT
        code = self._code(job, execution)
        self.end.fail(job.job_id, code)
        self.metrics.count("JobsClosed", code=str(code))
        return SweepResult.CLOSED

    def _continue_chain(self, root: Job) -> SweepResult:
        self.continue_chain.run(root.job_id)
        current = self.jobs.get(root.job_id) or root
        after = sweep_after(current, self.now())
        self.jobs.update(root.job_id, when=[root.status], sweep_after=after)
        has_moved = current.chain_jobs != root.chain_jobs or not current.has_open_chain
        return SweepResult.CONTINUED if has_moved else SweepResult.LEFT

    def _recover(self, job: Job) -> bool:
        """Return whether a late result was stored. A completed job has only its chain repaired."""
        if job.status is Status.FAILED:
            return self.recover.run(job)
        self.jobs.update(job.job_id, when=[job.status], sweep_after=None)
        return False

    def _schedule_next(self, job: Job) -> None:
        self.jobs.update(job.job_id, when=[job.status], sweep_after=self.now() + INTERVAL)

    def _is_stuck_at_provider(self, job: Job) -> bool:
        """Return whether the prediction still runs an hour after the job's deadline."""
        runs = job.submitted_at is not None and job.provider_completed_at is None
        return runs and self._is_stuck(job)

    def _is_stuck(self, job: Job) -> bool:
        since = job.submitted_at or job.submitting_at
        if since is None:
            return False
        return self.now() > since + timedelta(seconds=job.deadline_seconds) + _STUCK_AFTER

    def _code(self, job: Job, execution: Execution | None) -> Code:
        if job.canceled_at is not None:
            return Code.CANCELED
        if job.status is Status.SUBMITTING:
            return Code.SUBMISSION_UNKNOWN
        return failure_code(execution)
