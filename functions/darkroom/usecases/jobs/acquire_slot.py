"""Acquire a slot: let a queued job submit, or return how long the job must wait."""

import hashlib
import random
import uuid
from dataclasses import dataclass
from datetime import datetime

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.submit_queue import (
    QueueEntry,
    QueueShard,
    QueueSnapshot,
    RateLimit,
    Slot,
    next_slot,
)
from darkroom.domain.sweeping import sweep_after
from darkroom.ports import (
    Clock,
    Conflict,
    Jobs,
    Metrics,
    ProviderChange,
    QueueChange,
    SideWrite,
    Sleep,
    SubmitQueue,
)
from darkroom.usecases.jobs.expect_duration import ExpectDuration
from darkroom.usecases.jobs.release_slot import release_slot

# A queue shard is one item: concurrent writers conflict, and each conflict is retried.
MAX_TRIES = 40
_FIRST_BACKOFF, _MAX_DOUBLINGS = 0.1, 5  # seconds, times
# Head-of-queue polling: the next job polls in-process for a free in-flight slot. This costs less
# than a Wait state and finds the slot sooner.
HEAD_POLLS, HEAD_POLL_SECONDS = 6, 0.5  # times, seconds


def max_backoff(tries: int) -> float:
    """Return the maximum backoff in seconds after `tries` conflicts."""
    return _FIRST_BACKOFF * 2.0 ** min(tries, _MAX_DOUBLINGS)


@dataclass(frozen=True)
class Deferred:
    """The job must wait `seconds` before it tries to submit again."""

    seconds: int
    blocked_by: Code | None = None


@dataclass(frozen=True)
class Revoked:
    """The job's API key was revoked, so the job must not be submitted."""


@dataclass(frozen=True)
class AcquireSlot:
    """Enter a job in the submit queue, acquire its slot, or put the job back."""

    jobs: Jobs
    queue: SubmitQueue
    metrics: Metrics
    now: Clock
    sleep: Sleep
    rate_limit: RateLimit
    expect: ExpectDuration

    def run(
        self, job: Job, sent_images: tuple[str, ...], *, has_webhook: bool = False
    ) -> Job | Deferred | Revoked | None:
        """Return the job, moved to `submitting` by this call, or how long the job must wait.

        Return Revoked, without a change, if the job's API key was revoked, or None if another
        process has moved the job. If a job is returned, the caller of this
        method must send the POST next.
        """
        submit = _SubmitFields(uuid.uuid4().hex, sent_images, has_webhook)
        for tries in range(MAX_TRIES):
            slot = self._next_slot(job)
            if slot is None:
                return Revoked()
            if not slot.is_open:
                result: Job | Deferred | Conflict = self._defer(slot, job)
                if isinstance(result, Deferred):
                    return result
            else:
                result = self._acquire(slot, job, submit)
            # Read the record after a conflict as well: the SDK may have retried a write that had
            # succeeded.
            current = result if isinstance(result, Job) else self.jobs.get(job.job_id)
            if current is not None and current.is_submit_of(submit.token):
                self.sleep(max(0.0, slot.starts_at - self.now().timestamp()))
                waited = (self.now() - current.accepted_at).total_seconds()
                self.metrics.count("QueueWait", waited, "Seconds")
                return current
            if current is None or current.status is not Status.QUEUED:
                return None
            job = current
            self.sleep(random.uniform(0, max_backoff(tries)))  # noqa: S311 - a jitter
        return Deferred(1)

    def put_back(self, job: Job, *, is_unanswered: bool = False) -> Job | None:
        """Return a `submitting` job to its queue position: its POST was refused or got no response.

        `is_unanswered`: whether the POST got no response. Return None if the job is no longer
        `submitting`.
        """
        for _ in range(MAX_TRIES):
            shard, slot_seconds = self.queue.read(job.queue_shard), self._slot_seconds(job)
            waiting = shard.waiting(job.priority).put_back(
                job.caller, job.queue_position or 1, slot_seconds
            )
            after = shard.with_waiting(job.priority, waiting)
            queued = release_slot(
                self.jobs,
                job,
                queue=(shard, after),
                when=[Status.SUBMITTING],
                status=Status.QUEUED,
                submitting_at=None,
                unanswered_submits=job.unanswered_submits + is_unanswered,
                sweep_after=sweep_after(job, self.now(), status=Status.QUEUED),
            )
            if isinstance(queued, Job):
                return queued
            if queued is Conflict.JOB:
                return None
        raise RuntimeError("too many conflicts on a queue shard")

    def _choose_shard(self, job: Job, snapshot: QueueSnapshot) -> QueueShard:
        """Return the job's queue shard; for a job not yet queued, the shorter of two shards."""
        if job.queue_position is not None or self.rate_limit.shards == 1:
            return snapshot.shard(job.queue_shard)
        # Power of two choices: concurrent jobs do not all choose the same shard, as they would with
        # the shortest of all, and the load is nearly as even.
        random_number = int.from_bytes(hashlib.sha256(job.job_id.encode()).digest()[:8])
        first = random_number % self.rate_limit.shards
        second = (
            first + 1 + random_number // self.rate_limit.shards % (self.rate_limit.shards - 1)
        ) % self.rate_limit.shards
        now = self.now().timestamp()
        start = max(now, snapshot.provider.earliest_send(now))
        return min(
            (snapshot.shard(first), snapshot.shard(second)),
            key=lambda shard: max(shard.next_at, start) + shard.seconds,
        )

    def _slot_seconds(self, job: Job) -> float:
        if job.slot_seconds is not None:  # the value that the queue shard's sum contains
            return job.slot_seconds
        return round(self.rate_limit.per_shard.slot_seconds(self.expect.run(job).median), 3)

    def _next_slot(self, job: Job) -> Slot | None:
        """Return the job's next slot; None if its key was revoked. Poll at the head of the queue.

        The query of the queue shards also returns the revoked keys, so this needs no further read.
        """
        entry = QueueEntry(job.priority, job.caller, job.queue_position, self._slot_seconds(job))
        median = self.expect.run(job).median
        for head_polls in range(HEAD_POLLS + 1):
            if head_polls:
                self.sleep(HEAD_POLL_SECONDS)
            snapshot, now = self.queue.read_all(), self.now().timestamp()
            if job.key_id in snapshot.revoked:
                return None
            shard = self._choose_shard(job, snapshot)
            slot = next_slot(
                snapshot.provider, shard, self.rate_limit.per_shard, entry, median, now
            )
            if not slot.is_head:
                break
        return slot

    def _defer(self, slot: Slot, job: Job) -> Deferred | Conflict:
        deferred = Deferred(slot.retry_after, slot.blocked_by)
        self.metrics.count("SlotWait", deferred.seconds, "Seconds")
        if deferred.blocked_by:
            self.metrics.count("BreakerOpen")
        if job.queue_position is not None:
            return deferred
        queued = self.jobs.transact(
            job.job_id,
            [QueueChange(slot.shard, slot.entered)],
            when=[Status.QUEUED],
            absent="queue_position",
            queue_shard=slot.shard.index,
            queue_position=slot.round_number,
            slot_seconds=slot.entry.slot_seconds,
            sweep_after=sweep_after(job, self.now(), deferred.seconds),
        )
        if isinstance(queued, Job):
            self.metrics.count("JobsQueued")
            return deferred
        return queued

    def _acquire(self, slot: Slot, job: Job, submit: "_SubmitFields") -> Job | Conflict:
        now = self.now()
        acquired = QueueChange(
            slot.shard,
            slot.acquired(),
            in_flight_delta=1,
            max_in_flight=self.rate_limit.per_shard.max_in_flight,
        )
        side_writes: list[SideWrite] = [acquired]
        if not slot.provider.is_closed:  # one job probes: a second one conflicts
            probing = slot.provider.probing(now.timestamp())
            side_writes.append(ProviderChange(slot.provider, probing))
        return self.jobs.transact(
            job.job_id,
            side_writes,
            when=[Status.QUEUED],
            absent="queue_position" if job.queue_position is None else None,
            status=Status.SUBMITTING,
            submitting_at=max(now, datetime.fromtimestamp(slot.starts_at, now.tzinfo)),
            submit_attempts=job.submit_attempts + 1,
            submit_token=submit.token,
            sent_images=submit.images or None,
            has_webhook=submit.has_webhook,
            queue_shard=slot.shard.index,
            queue_position=slot.round_number,
            slot_seconds=slot.entry.slot_seconds,
            expected=self.expect.run(job),
            sweep_after=sweep_after(job, now, status=Status.SUBMITTING),
        )


@dataclass(frozen=True)
class _SubmitFields:
    """Fields of the job record that describe the POST that follows."""

    token: str
    images: tuple[str, ...]
    has_webhook: bool
