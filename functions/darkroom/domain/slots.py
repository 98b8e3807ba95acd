"""Slots: when a queued job may be submitted."""

import math
from typing import NamedTuple

from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import AHEAD, Priority, QueueShard, RateLimit

# The longest wait for an in-flight slot: 5 seconds, or 12.5 % of the median duration if longer.
_MAX_IN_FLIGHT_WAIT, _IN_FLIGHT_WAIT_SHARE = 5.0, 0.125


class QueueEntry(NamedTuple):
    """A job in the submit queue, or about to enter it."""

    priority: Priority
    caller: str
    round_number: int | None  # None until the job has entered the queue
    slot_seconds: float  # from this job's send to the next one


class Slot(NamedTuple):
    """A job's slot, computed from one read of its queue shard."""

    entry: QueueEntry
    round_number: int
    starts_at: float  # Unix seconds: the earliest send by the schedule
    wait_seconds: float  # from now until the job may be submitted
    entered: QueueShard  # the shard with this job in the queue
    blocked_by: Code | None  # why the circuit breaker is open
    is_head: bool  # head of the queue, waiting only for an in-flight slot

    @property
    def is_open(self) -> bool:
        """Whether the job may acquire the slot now."""
        return self.wait_seconds <= AHEAD

    @property
    def retry_after(self) -> int:
        """The whole seconds until the next attempt, at least 1."""
        return max(1, math.floor(self.wait_seconds))

    def acquired(self, now: float) -> QueueShard:
        """Return the shard after the job has acquired the slot."""
        priority, caller, _, slot_seconds = self.entry
        queue = self.entered.waiting(priority).serve(caller, self.round_number, slot_seconds)
        after = self.entered.with_waiting(priority, queue).after_send(self.starts_at, slot_seconds)
        return after.model_copy(update={"breaker": after.breaker.probing(now)})


def next_slot(
    shard: QueueShard, rate_limit: RateLimit, entry: QueueEntry, median: float, now: float
) -> Slot:
    """Return a job's slot. `median` is the expected duration of the job in seconds."""
    queue, round_number = shard.waiting(entry.priority), entry.round_number
    if round_number is None:
        queue, round_number = queue.enter(entry.caller, entry.slot_seconds)
    entered = shard.with_waiting(entry.priority, queue)
    starts_at = shard.earliest_send(entry.priority, rate_limit, now)
    breaker_wait = shard.breaker.wait(now)
    # With all in-flight slots taken, one becomes free about every median / max_in_flight seconds.
    # The moment is not predictable, and an idle slot wastes capacity, so the wait is limited.
    is_full = shard.in_flight >= rate_limit.max_in_flight
    longest = max(_MAX_IN_FLIGHT_WAIT, median * _IN_FLIGHT_WAIT_SHARE)
    mean_wait = max(median / rate_limit.max_in_flight, AHEAD + 0.01)
    in_flight_wait = min(mean_wait, longest) if is_full else 0.0
    ahead = entered.seconds_ahead(entry.priority, entry.caller, round_number)
    head_wait = max(starts_at - now, breaker_wait)  # at the head, with a free in-flight slot
    return Slot(
        entry=entry,
        round_number=round_number,
        starts_at=starts_at,
        wait_seconds=max(head_wait, in_flight_wait) + ahead,
        entered=entered,
        blocked_by=shard.breaker.reason if breaker_wait else None,
        is_head=is_full and entry.round_number is not None and head_wait + ahead <= AHEAD,
    )
