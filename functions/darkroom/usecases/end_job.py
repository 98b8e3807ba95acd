"""End a job: one terminal status by a conditional write, then its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkroom.domain import events
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Asset, Job, Status
from darkroom.ports import Clock, Events, Jobs, Metrics


@dataclass(frozen=True)
class EndJob:
    """Write the terminal status, whoever is first, and announce it."""

    jobs: Jobs
    events: Events
    metrics: Metrics
    now: Clock
    assets_bucket: str

    def complete(self, job_id: str, assets: tuple[Asset, ...]) -> Job | None:
        """End the job with its outputs, unless it has ended; return what it ended as.

        None if there is no record of it.
        """
        now = self.now()
        stored: dict[str, Any] = {"assets": assets, "stored_at": now, "ended_at": now}
        job = self.jobs.update(
            job_id,
            when=[Status.SUBMITTED],
            absent="canceled_at",
            status=Status.COMPLETED,
            **stored,
        )
        if job:
            self.metrics.count("JobsCompleted")
            self._measure(job)
        else:
            # Nobody waits for it any more, but it is paid for: filed all the same.
            job = self._fail(job_id, [Status.SUBMITTED], Code.CANCELED, **stored)
        return self._ended(job, job_id)

    def fail(self, job_id: str, code: Code) -> Job | None:
        """End the job with `code`, unless it has ended; return what it ended as.

        None if there is no record of it: an execution can be started by hand under any name.
        """
        return self._ended(self._fail(job_id, OPEN, code, ended_at=self.now()), job_id)

    def cancel(self, job_id: str) -> Job | None:
        """End the job as canceled if it still waits to be sent; None if it does not."""
        job = self._fail(job_id, [Status.QUEUED], Code.CANCELED, ended_at=self.now())
        return job and self.announce(job)

    def _fail(self, job_id: str, when: Sequence[Status], code: Code, **changes: Any) -> Job | None:
        job = self.jobs.update(job_id, when=when, status=Status.FAILED, code=code, **changes)
        if job:
            self.metrics.count("JobsFailed", code=str(code))
            self._measure(job)
        return job

    def _ended(self, job: Job | None, job_id: str) -> Job | None:
        known = job or self.jobs.get(job_id)
        return self.announce(known) if known else None

    def announce(self, job: Job) -> Job:
        """Publish the terminal event unless it is known to be out: a crash may come between."""
        if job.is_open:
            raise LookupError(f"the job is {job.status}: it has not ended")
        if job.announced_at is None:
            if job.status is Status.COMPLETED:
                self.events.publish(events.completed(job, self.assets_bucket))
            else:
                self.events.publish(events.failed(job))
            self.jobs.update(job.job_id, when=[job.status], announced_at=self.now())
        return job

    def _measure(self, job: Job) -> None:
        self.metrics.count("Checks", job.checks)
        seconds = (self.now() - job.accepted_at).total_seconds()
        self.metrics.count("JobDuration", seconds, "Seconds")
