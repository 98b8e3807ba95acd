"""Read the submit queue for its callers: the places of queued jobs, and why jobs wait."""

from dataclasses import dataclass

from darkroom.domain.job import Job, Status
from darkroom.domain.queue_places import QueuePlace, QueueReason, queue_place, queue_reason
from darkroom.domain.submit_queue import QueueSnapshot, RateLimit
from darkroom.ports import Clock, FlagStore, RuntimeFlags, SubmitQueue


@dataclass(frozen=True)
class QueueState:
    """The submit queue at a moment."""

    snapshot: QueueSnapshot
    flags: RuntimeFlags
    reason: QueueReason | None  # why no job is submitted
    paused_seconds: float  # until the first shard may submit, 0 if none is paused


@dataclass(frozen=True)
class ReadQueue:
    """Read the submit queue."""

    queue: SubmitQueue
    flag_store: FlagStore
    now: Clock
    rate_limit: RateLimit
    scale: float  # of the published durations

    def run(self) -> QueueState:
        """Return the queue: one query and, every few seconds, one read of the flags."""
        snapshot, flags, now = self.queue.read_all(), self.flag_store.read(), self._now()
        return QueueState(
            snapshot=snapshot,
            flags=flags,
            reason=queue_reason(snapshot.provider, now, paused=not flags.submits),
            paused_seconds=max(0.0, snapshot.next_at - now),
        )

    def places(self, *jobs: Job) -> dict[str, QueuePlace]:
        """Return the places of the queued ones of these jobs. Reads nothing if none is queued."""
        queued = [job for job in jobs if job.status is Status.QUEUED]
        if not queued:
            return {}
        state, now = self.run(), self._now()
        return {
            job.job_id: queue_place(
                job,
                state.snapshot,
                self.rate_limit,
                state.reason,
                job.expectation(self.scale).median,
                now,
            )
            for job in queued
        }

    def _now(self) -> float:
        return self.now().timestamp()
