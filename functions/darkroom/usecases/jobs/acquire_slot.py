"""Acquire a slot: let a queued job submit, or return how long the job must wait."""

import hashlib
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.domain.breaker import Health
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.slots import QueueEntry, Slot, next_slot
from darkroom.domain.submit_queue import QueueShard, RateLimit
from darkroom.ports import Clock, Conflict, Jobs, Metrics, QueueChange, Sleep, SubmitQueue
from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker
from darkroom.usecases.jobs.expect_duration import ExpectDuration

# A queue shard is one item: concurrent writers conflict, and each conflict is retried.
MAX_TRIES = 40
_FIRST_BACKOFF, _MAX_DOUBLINGS = 0.1, 5  # seconds, times
# Head-of-queue polling: the next job polls in-process for a free in-flight slot. This costs less
# than a Wait state and finds the slot sooner.
HEAD_POLLS, HEAD_POLL_SECONDS = 6, 0.5  # times, seconds
# Every submit has ended by then; if the job is still `submitting`, the sweep inspects it.
_SUBMIT_TIMEOUT = timedelta(minutes=10)
_SWEEP_GRACE = timedelta(minutes=10)


def max_backoff(tries: int) -> float:
    """Return the maximum backoff in seconds after `tries` conflicts."""
    return _FIRST_BACKOFF * 2.0 ** min(tries, _MAX_DOUBLINGS)


@dataclass(frozen=True)
class Deferred:
    """The job must wait `seconds` before it tries to submit again."""

    seconds: int
    blocked_by: Code | None = None


@dataclass(frozen=True)
class AcquireSlot:
    """Enter a job in the submit queue, acquire its slot, or put the job back."""

    jobs: Jobs
    queue: SubmitQueue
    metrics: Metrics
    now: Clock
    sleep: Sleep
    breaker: CircuitBreaker
    rate_limit: RateLimit
    expect: ExpectDuration

    def __call__(
        self, job: Job, sent_images: tuple[str, ...], *, has_webhook: bool = False
    ) -> Job | Deferred | None:
        """Return the job, moved to `submitting` by this call, or how long the job must wait.

        Return None if another process has moved the job. If a job is returned, the caller of this
        method must send the POST next.
        """
        submit = _SubmitFields(uuid.uuid4().hex, sent_images, has_webhook)
        for tries in range(MAX_TRIES):
            shard, slot = self._next_slot(job)
            if not slot.is_open:
                result: Job | Deferred | Conflict = self._defer(shard, job, slot)
                if isinstance(result, Deferred):
                    return result
            else:
                result = self._acquire(shard, slot, job, submit)
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

    def put_back(
        self,
        job: Job,
        *,
        pause_all_seconds: int = 0,
        blocked_by: Code | None = None,
        is_unanswered: bool = False,
    ) -> Job | None:
        """Return a `submitting` job to its queue position: its POST was refused or got no response.

        `pause_all_seconds`: how long submission pauses for every job. `blocked_by`: the failure
        that would refuse every job. `is_unanswered`: whether the POST got no response.
        Return None if the job is no longer `submitting`.
        """
        now = self.now().timestamp()

        def apply_response(shard: QueueShard) -> QueueShard:
            if pause_all_seconds:  # a 429 is a response, so the provider is reachable
                shard = self.breaker.updated(shard.paused_until(now + pause_all_seconds), Health.OK)
            return self.breaker.updated(shard, Health.BLOCKED, blocked_by) if blocked_by else shard

        for _ in range(MAX_TRIES):
            shard, slot_seconds = self.queue.read(job.queue_shard), self._slot_seconds(job)
            waiting = shard.waiting(job.priority).put_back(
                job.caller, job.queue_position or 1, slot_seconds
            )
            after = apply_response(shard.with_waiting(job.priority, waiting))
            queued = self.jobs.transact(
                job.job_id,
                [QueueChange(shard, after, in_flight_delta=-1)],
                when=[Status.SUBMITTING],
                status=Status.QUEUED,
                submitting_at=None,
                unanswered_submits=job.unanswered_submits + is_unanswered,
                sweep_after=self.now() + _SWEEP_GRACE,
            )
            if isinstance(queued, Job):
                self.breaker.count_trip(shard, after)
                if pause_all_seconds or blocked_by:
                    self.breaker.update_others(shard.index, apply_response)
                return queued
            if queued is Conflict.JOB:
                return None
        raise RuntimeError("too many conflicts on a queue shard")

    def _read_shard(self, job: Job) -> QueueShard:
        """Return the job's queue shard; for a job not yet queued, the shorter of two shards."""
        if job.queue_position is not None or self.rate_limit.shards == 1:
            return self.queue.read(job.queue_shard)
        # Power of two choices: only two shards are read, and the load is nearly as even as with
        # the shortest of all.
        random_number = int.from_bytes(hashlib.sha256(job.job_id.encode()).digest()[:8])
        first = random_number % self.rate_limit.shards
        second = (
            first + 1 + random_number // self.rate_limit.shards % (self.rate_limit.shards - 1)
        ) % self.rate_limit.shards
        now = self.now().timestamp()
        return min(
            (self.queue.read(first), self.queue.read(second)),
            key=lambda shard: max(shard.next_at, now) + shard.seconds,
        )

    def _slot_seconds(self, job: Job) -> float:
        if job.slot_seconds is not None:  # the value that the queue shard's sum contains
            return job.slot_seconds
        return round(self.rate_limit.per_shard.slot_seconds(self.expect(job).median), 3)

    def _next_slot(self, job: Job) -> tuple[QueueShard, Slot]:
        """Return the job's next slot and the shard it was computed from; poll at the head."""
        entry = QueueEntry(job.priority, job.caller, job.queue_position, self._slot_seconds(job))
        for head_polls in range(HEAD_POLLS + 1):
            if head_polls:
                self.sleep(HEAD_POLL_SECONDS)
            shard, now = self._read_shard(job), self.now().timestamp()
            slot = next_slot(shard, self.rate_limit.per_shard, entry, self.expect(job).median, now)
            if not slot.is_head:
                break
        return shard, slot

    def _defer(self, shard: QueueShard, job: Job, slot: Slot) -> Deferred | Conflict:
        deferred = Deferred(slot.retry_after, slot.blocked_by)
        self.metrics.count("SlotWait", deferred.seconds, "Seconds")
        if deferred.blocked_by:
            self.metrics.count("BreakerOpen")
        if job.queue_position is not None:
            return deferred
        queued = self.jobs.transact(
            job.job_id,
            [QueueChange(shard, slot.entered)],
            when=[Status.QUEUED],
            absent="queue_position",
            queue_shard=shard.index,
            queue_position=slot.round_number,
            slot_seconds=slot.entry.slot_seconds,
            sweep_after=self.now() + timedelta(seconds=deferred.seconds) + _SWEEP_GRACE,
        )
        if isinstance(queued, Job):
            self.metrics.count("JobsQueued")
            return deferred
        return queued

    def _acquire(
        self, shard: QueueShard, slot: Slot, job: Job, submit: "_SubmitFields"
    ) -> Job | Conflict:
        now = self.now()
        after = slot.acquired(now.timestamp())
        return self.jobs.transact(
            job.job_id,
            [
                QueueChange(
                    shard,
                    after,
                    in_flight_delta=1,
                    max_in_flight=self.rate_limit.per_shard.max_in_flight,
                )
            ],
            when=[Status.QUEUED],
            absent="queue_position" if job.queue_position is None else None,
            status=Status.SUBMITTING,
            submitting_at=max(now, datetime.fromtimestamp(slot.starts_at, now.tzinfo)),
            submit_attempts=job.submit_attempts + 1,
            submit_token=submit.token,
            sent_images=submit.images or None,
            has_webhook=submit.has_webhook,
            queue_shard=shard.index,
            queue_position=slot.round_number,
            slot_seconds=slot.entry.slot_seconds,
            expected=self.expect(job),
            sweep_after=now + _SUBMIT_TIMEOUT,
        )


@dataclass(frozen=True)
class _SubmitFields:
    """Fields of the job record that describe the POST that follows."""

    token: str
    images: tuple[str, ...]
    has_webhook: bool
