"""The place of a job in the submit queue, and why no job is submitted."""

from enum import StrEnum
from typing import NamedTuple

from darkroom.domain.breaker import ProviderState
from darkroom.domain.errors import Code
from darkroom.domain.job import Job
from darkroom.domain.submit_queue import QueueEntry, QueueSnapshot, RateLimit, next_slot


class QueueReason(StrEnum):
    """Why no job is submitted."""

    PAUSED = "paused"  # by an admin or the operator
    INSUFFICIENT_CREDITS = "insufficient_credits"
    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"  # a 429 of the provider


class QueuePlace(NamedTuple):
    """The place of a queued job."""

    position: int | None  # 1 is the next job; None until the job has entered the queue
    wait_seconds: float | None  # None if it is not known
    reason: QueueReason | None


def queue_reason(provider: ProviderState, now: float, *, paused: bool) -> QueueReason | None:
    """Return why no job is submitted at `now` (Unix seconds); None if jobs are submitted."""
    if paused:
        return QueueReason.PAUSED
    if provider.reason is None:
        return QueueReason.RATE_LIMITED if provider.paused_until > now else None
    if provider.reason in (Code.INSUFFICIENT_CREDITS, Code.UNAUTHORIZED):
        return QueueReason(provider.reason)
    return QueueReason.UNREACHABLE


def queue_place(
    job: Job,
    snapshot: QueueSnapshot,
    rate_limit: RateLimit,
    reason: QueueReason | None,
    median: float,
    now: float,
) -> QueuePlace:
    """Return the place of a queued job at `now`. `median` is its expected duration in seconds."""
    number = job.queue_position
    if number is None:
        return QueuePlace(None, None, reason)
    entry = QueueEntry(job.priority, job.caller, number, job.slot_seconds or 0.0)
    shard = snapshot.shard(job.queue_shard)
    position = 1 + shard.jobs_ahead(job.priority, job.caller, number)
    if reason not in (None, QueueReason.RATE_LIMITED):
        return QueuePlace(position, None, reason)
    slot = next_slot(snapshot.provider, shard, rate_limit.per_shard, entry, median, now)
    return QueuePlace(position, round(slot.wait_seconds, 1), reason)
