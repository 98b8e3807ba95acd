"""End a job: write one terminal status conditionally, then publish the terminal event."""

from dataclasses import dataclass
from typing import Any

from darkroom.domain import job_events
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import OPEN, Asset, Job, Status
from darkroom.domain.sweeping import sweep_after
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
from darkroom.usecases.jobs.release_slot import release_slot

# A conflict on the job or on its queue shard is retried after a fresh read.
_TRIES = 40
# Failures caused by the caller: they are left out of the failure rate.
_CALLER_FAILURES = (Code.INVALID_REQUEST, Code.MODERATED, Code.REJECTED, Code.CANCELED)


@dataclass(frozen=True)
class EndJob:
    """Write the terminal status, unless one exists, and publish the terminal event."""

    jobs: Jobs
    queue: SubmitQueue
    events: Events
    metrics: Metrics
    now: Clock
    assets_bucket: str

    def complete(self, job_id: str, assets: tuple[Asset, ...]) -> Job | None:
        """End the job as completed with its assets; return the job, or None if no record exists.

        A job that has ended already is returned unchanged. A job whose cancellation was requested
        ends as canceled; its assets are recorded nevertheless, since they are paid for.
        """
        return self._end_job(job_id, (Status.SUBMITTED,), None, assets=assets, stored_at=self.now())

    def complete_reused(self, job_id: str, original: Job) -> Job | None:
        """End a queued job as completed with the outputs of another job; nothing is charged."""
        return self._end_job(
            job_id,
            (Status.QUEUED,),
            None,
            assets=original.assets,
            prefix=original.prefix,
            stored_at=self.now(),
        )

    def create_reused(self, job: Job, original: Job) -> Job | None:
        """Store a new job as completed with the outputs of another job; nothing is charged.

        Returns the job, or None if a record with its id exists. No record is open without a
        reservation: if the other job lost its outputs, this one would be submitted beyond a budget.
        """
        now = self.now()
        changes: dict[str, Any] = {
            "status": Status.COMPLETED,
            "assets": original.assets,
            "prefix": original.prefix,
            "stored_at": now,
            "ended_at": now,
        }
        changes["sweep_after"] = sweep_after(job, now, **changes)
        ended = job.model_copy(update=changes)
        if not self.jobs.create(ended):
            return None
        self._count_metrics(ended)
        return self.publish_end(ended)

    def fail(self, job_id: str, code: Code) -> Job | None:
        """End the job as failed with `code`; return the job, or None if no record exists.

        A job that has ended already is returned unchanged. A record can be missing because an
        execution can be started by hand under any name.
        """
        return self._end_job(job_id, OPEN, code)

    def cancel(self, job_id: str) -> Job | None:
        """End the job as canceled if it is still queued; return None if it is not."""
        job = self._end_job(job_id, (Status.QUEUED,), Code.CANCELED)
        return job if job and job.code is Code.CANCELED else None

    def _end_job(
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
            ended = self._write_end(job, code, changes)
            if isinstance(ended, Job):
                self._count_metrics(ended)
                return self.publish_end(ended)
        raise RuntimeError("too many conflicts on a job")

    def _write_end(self, job: Job, code: Code | None, changes: dict[str, Any]) -> Job | Conflict:
        """Write the terminal status and its side writes in one transaction."""
        if code is None and job.canceled_at is not None:
            code = Code.CANCELED
        now = self.now()
        changes = changes | {
            "status": Status.FAILED if code else Status.COMPLETED,
            "code": code,
            "ended_at": now,
            "wake_token": None,
        }
        changes["sweep_after"] = sweep_after(job, now, **changes)
        is_charged = job.model_copy(update=changes).charge is not Charged.NO
        side_writes: list[SideWrite] = (
            [] if is_charged else [Release(reservation) for reservation in job.reservations]
        )
        if job.is_in_flight:
            return release_slot(
                self.jobs, job, when=[job.status], side_writes=side_writes, **changes
            )
        # `absent` makes the write conflict if the job has meanwhile been canceled or entered the
        # queue.
        absent = "canceled_at" if job.canceled_at is None and code is None else None
        if job.is_in_queue:
            shard = self.queue.read(job.queue_shard)
            waiting = shard.waiting(job.priority).leave(job.caller, job.slot_seconds)
            side_writes.append(QueueChange(shard, shard.with_waiting(job.priority, waiting)))
        elif job.status is Status.QUEUED:
            absent = "queue_position"
        return self.jobs.transact(
            job.job_id, side_writes, when=[job.status], absent=absent, **changes
        )

    def publish_end(self, job: Job) -> Job:
        """Publish the terminal event unless `published_at` is set; return the job.

        A crash between the status write and the event leaves the event unpublished; the next run
        publishes it.
        """
        if job.is_open:
            raise LookupError(f"the job is {job.status}: it has not ended")
        if job.published_at is None:
            if job.status is Status.COMPLETED:
                self.events.publish(job_events.completed(job, self.assets_bucket))
            else:
                self.events.publish(job_events.failed(job))
            now = self.now()
            self.jobs.update(
                job.job_id,
                when=[job.status],
                absent="erasing_at",  # the sweep has to repeat an erasure
                published_at=now,
                # The sweep keeps polling an abandoned prediction, whose result may arrive late.
                sweep_after=sweep_after(job, now, published_at=now),
            )
        return job

    def _count_metrics(self, job: Job) -> None:
        if job.status is Status.COMPLETED:
            self.metrics.count("JobsCompleted")
        else:
            self.metrics.count("JobsFailed", code=str(job.code))
        if job.code not in _CALLER_FAILURES:
            self.metrics.count("JobOutcome", 0 if job.code is None else 1)
        self.metrics.count("Checks", job.checks)
        if job.charge is Charged.YES and job.estimated_cost_micro_usd:
            self.metrics.count("Cost", job.estimated_cost_micro_usd / 1e6, "None")  # USD
        seconds = (self.now() - job.accepted_at).total_seconds()
        self.metrics.count("JobDuration", seconds, "Seconds")
