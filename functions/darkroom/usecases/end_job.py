"""End a job: one terminal status by a conditional write, then its event."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from darkroom.domain import job_events
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import OPEN, Asset, Job, Status
from darkroom.ports import (
    Clock,
    Conflict,
    Events,
    Jobs,
    Metrics,
    QueueChange,
    Release,
    SideWrite,
    SubmitQueue,
)

# Each time a job has moved on, or the line: it is read again.
_TRIES = 40
# The sweep looks so long after its end whether it was announced, and for what may come late.
LATE = timedelta(minutes=2)
# Failures that a caller caused: they say nothing about how the deployment does.
_CALLERS = (Code.INVALID_REQUEST, Code.MODERATED, Code.REJECTED, Code.CANCELED)


@dataclass(frozen=True)
class EndJob:
    """Write the terminal status, whoever is first, and announce it."""

    jobs: Jobs
    queue: SubmitQueue
    events: Events
    metrics: Metrics
    now: Clock
    assets_bucket: str

    def complete(self, job_id: str, assets: tuple[Asset, ...]) -> Job | None:
        """End the job with its outputs, unless it has ended; return what it ended as.

        None if there is no record of it. Nobody may wait for it any more, but it is paid for: then
        it ends as canceled, and filed all the same.
        """
        return self._end(job_id, (Status.SUBMITTED,), None, assets=assets, stored_at=self.now())

    def fail(self, job_id: str, code: Code) -> Job | None:
        """End the job with `code`, unless it has ended; return what it ended as.

        None if there is no record of it: an execution can be started by hand under any name.
        """
        return self._end(job_id, OPEN, code)

    def cancel(self, job_id: str) -> Job | None:
        """End the job as canceled if it still waits to be sent; None if it does not."""
        job = self._end(job_id, (Status.QUEUED,), Code.CANCELED)
        return job if job and job.code is Code.CANCELED else None

    def _end(
        self, job_id: str, when: tuple[Status, ...], code: Code | None, **changes: Any
    ) -> Job | None:
        for _ in range(_TRIES):
            job = self.jobs.get(job_id)
            if job is None:
                return None
            if not job.is_open:
                return self.publish_end(job)
            if job.status not in when:
                return job
            ended = self._write(job, code, changes)
            if isinstance(ended, Job):
                self._measure(ended)
                return self.publish_end(ended)
        raise RuntimeError("the job moves too fast to be ended")

    def _write(self, job: Job, code: Code | None, changes: dict[str, Any]) -> Job | Conflict:
        """Write the end of the job as it was read, and what follows from it, all at once."""
        if code is None and job.canceled_at is not None:
            code = Code.CANCELED
        now = self.now()
        changes = changes | {
            "status": Status.FAILED if code else Status.COMPLETED,
            "code": code,
            "ended_at": now,
            "sweep_after": now + LATE,
            "wake_token": None,
        }
        ended = job.model_copy(update=changes)
        side_writes: list[SideWrite] = []
        # What comes between is not to be overlooked: a wish to cancel, or a place in the line.
        absent = "canceled_at" if job.canceled_at is None and code is None else None
        if job.is_in_flight:
            side_writes.append(QueueChange(in_flight_delta=-1, shard=job.queue_shard))
            absent = "provider_completed_at"  # a check that sees it done lets it out of the line
        elif job.is_waiting:
            shard = self.queue.read(job.queue_shard)
            queue = shard.waiting(job.priority).leave(job.caller, job.slot_seconds)
            side_writes.append(QueueChange(shard, shard.with_waiting(job.priority, queue)))
        elif job.status is Status.QUEUED:
            absent = "queue_position"
        if ended.charge is Charged.NO:
            side_writes += [Release(reservation) for reservation in job.reservations]
        return self.jobs.transact(
            job.job_id, side_writes, when=[job.status], absent=absent, **changes
        )

    def publish_end(self, job: Job) -> Job:
        """Publish the terminal event unless it is known to be out: a crash may come between."""
        if job.is_open:
            raise LookupError(f"the job is {job.status}: it has not ended")
        if job.published_at is None:
            if job.status is Status.COMPLETED:
                self.events.publish(job_events.completed(job, self.assets_bucket))
            else:
                self.events.publish(job_events.failed(job))
            # What was given up stays due: its result may come late.
            rests = {} if job.may_come_late else {"sweep_after": None}
            self.jobs.update(job.job_id, when=[job.status], published_at=self.now(), **rests)
        return job

    def _measure(self, job: Job) -> None:
        if job.status is Status.COMPLETED:
            self.metrics.count("JobsCompleted")
        else:
            self.metrics.count("JobsFailed", code=str(job.code))
        if job.code not in _CALLERS:
            self.metrics.count("JobOutcome", 0 if job.code is None else 1)
        self.metrics.count("Checks", job.checks)
        if job.charge is Charged.YES and job.estimated_cost_micro_usd:
            self.metrics.count("Cost", job.estimated_cost_micro_usd / 1e6, "None")  # USD
        seconds = (self.now() - job.accepted_at).total_seconds()
        self.metrics.count("JobDuration", seconds, "Seconds")
