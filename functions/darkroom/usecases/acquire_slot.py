"""Admit: let a job out of the line when its turn has come, or say exactly how long to wait."""

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
from darkroom.usecases.circuit_breaker import CircuitBreaker
from darkroom.usecases.expect_duration import ExpectDuration

# The line is one item: who meets another there tries again.
TRIES = 40
_PAUSE, _LONGER = 0.1, 5  # seconds at first, how often they double
# Who is next, with all places in flight taken, stays for one: cheaper than a wait, and sooner.
HEAD_POLLS, HEAD_POLL_SECONDS = 6, 0.5  # times, seconds
# When a submit is certainly over, one way or the other; the sweep looks after that.
_SUBMIT_OVER = timedelta(minutes=10)
_GRACE = timedelta(minutes=10)


def longest_pause(tries: int) -> float:
    """Return the most seconds to pause after so many `tries` in vain."""
    return _PAUSE * 2.0 ** min(tries, _LONGER)


@dataclass(frozen=True)
class Deferred:
    """Not yet: ask again after so many seconds."""

    seconds: int
    blocked_by: Code | None = None


@dataclass(frozen=True)
class AcquireSlot:
    """The line's rules over its record: a place, a turn, a way back."""

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
        """Return the job, `submitting` by this very call, or how long to wait.

        None if somebody else has moved it. What follows is the POST.
        """
        sends = _Post(uuid.uuid4().hex, sent_images, has_webhook)
        for tries in range(TRIES):
            shard, slot = self._ask(job)
            if not slot.is_open:
                answer: Job | Deferred | Conflict = self._defer(shard, job, slot)
                if isinstance(answer, Deferred):
                    return answer
            else:
                answer = self._take(shard, slot, job, sends)
            # Where it was refused, too: the SDK may have repeated what had been done.
            known = answer if isinstance(answer, Job) else self.jobs.get(job.job_id)
            if known is not None and known.is_submit_of(sends.token):
                self.sleep(max(0.0, slot.starts_at - self.now().timestamp()))
                waited = (self.now() - known.accepted_at).total_seconds()
                self.metrics.count("QueueWait", waited, "Seconds")
                return known
            if known is None or known.status is not Status.QUEUED:
                return None
            job = known
            self.sleep(random.uniform(0, longest_pause(tries)))  # noqa: S311 - a jitter
        return Deferred(1)

    def put_back(
        self,
        job: Job,
        *,
        pause_all_seconds: int = 0,
        blocked_by: Code | None = None,
        unanswered: bool = False,
    ) -> Job | None:
        """Return an admitted job to its place: its POST took nothing, or was not answered.

        `pause_all_seconds`: how long submission pauses for every job; `blocked_by`: the failure
        that would refuse every job.
        """
        now = self.now().timestamp()

        def said(shard: QueueShard) -> QueueShard:
            if pause_all_seconds:  # an answer, if not the one that was hoped for
                shard = self.breaker.updated(shard.paused_until(now + pause_all_seconds), Health.OK)
            return self.breaker.updated(shard, Health.BLOCKED, blocked_by) if blocked_by else shard

        for _ in range(TRIES):
            shard, slot_seconds = self.queue.read(job.queue_shard), self._interval(job)
            queue = shard.waiting(job.priority).put_back(
                job.caller, job.queue_position or 1, slot_seconds
            )
            after = said(shard.with_waiting(job.priority, queue))
            back = self.jobs.transact(
                job.job_id,
                [QueueChange(shard, after, in_flight_delta=-1)],
                when=[Status.SUBMITTING],
                status=Status.QUEUED,
                submitting_at=None,
                unanswered=job.unanswered + unanswered,
                sweep_after=self.now() + _GRACE,
            )
            if isinstance(back, Job):
                self.breaker.log_change(shard, after)
                if pause_all_seconds or blocked_by:
                    self.breaker.update_others(shard.index, said)
                return back
            if back is Conflict.JOB:
                return None
        raise RuntimeError("the line moves too fast")

    def _shard(self, job: Job) -> QueueShard:
        """Return the line that the job stands in; for a newcomer, the shorter of two."""
        if job.queue_position is not None or self.rate_limit.shards == 1:
            return self.queue.read(job.queue_shard)
        # Two of many, by chance: nearly as even as the shortest of all, and only two are read.
        chance = int.from_bytes(hashlib.sha256(job.job_id.encode()).digest()[:8])
        one = chance % self.rate_limit.shards
        other = (
            one + 1 + chance // self.rate_limit.shards % (self.rate_limit.shards - 1)
        ) % self.rate_limit.shards
        now = self.now().timestamp()
        return min(
            (self.queue.read(one), self.queue.read(other)),
            key=lambda shard: max(shard.next_at, now) + shard.seconds,
        )

    def _interval(self, job: Job) -> float:
        if job.slot_seconds is not None:  # as the line counts it, whatever has changed since
            return job.slot_seconds
        return round(self.rate_limit.per_shard.slot_seconds(self.expect(job).median), 3)

    def _ask(self, job: Job) -> tuple[QueueShard, Slot]:
        entry = QueueEntry(job.priority, job.caller, job.queue_position, self._interval(job))
        for head_polls in range(HEAD_POLLS + 1):
            if head_polls:
                self.sleep(HEAD_POLL_SECONDS)
            shard, now = self._shard(job), self.now().timestamp()
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
        entered = self.jobs.transact(
            job.job_id,
            [QueueChange(shard, slot.entered)],
            when=[Status.QUEUED],
            absent="queue_position",
            queue_shard=shard.index,
            queue_position=slot.round_number,
            slot_seconds=slot.entry.slot_seconds,
            sweep_after=self.now() + timedelta(seconds=deferred.seconds) + _GRACE,
        )
        if isinstance(entered, Job):
            self.metrics.count("JobsQueued")
            return deferred
        return entered

    def _take(self, shard: QueueShard, slot: Slot, job: Job, sends: "_Post") -> Job | Conflict:
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
            submit_token=sends.token,
            sent_images=sends.images or None,
            has_webhook=sends.has_webhook,
            queue_shard=shard.index,
            queue_position=slot.round_number,
            slot_seconds=slot.entry.slot_seconds,
            expected=self.expect(job),
            sweep_after=now + _SUBMIT_OVER,
        )


@dataclass(frozen=True)
class _Post:
    """What the record says of the POST that follows."""

    token: str
    images: tuple[str, ...]
    has_webhook: bool
