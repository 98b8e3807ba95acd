"""Whose turn it is: what the line says to a job that asks to be sent."""

import math
from typing import NamedTuple

from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import AHEAD, Priority, QueueShard, RateLimit

_MOST, _SHARE = 5.0, 0.125  # seconds that a job waits for a place, or that part of the median


class QueueEntry(NamedTuple):
    """Where a job stands, or will: its lane, whose it is, its number if it has one."""

    priority: Priority
    caller: str
    round_number: int | None
    slot_seconds: float  # seconds between its send and the next


class Slot(NamedTuple):
    """When a job's turn is, by the line as it was read."""

    entry: QueueEntry
    round_number: int
    starts_at: float  # Unix seconds
    wait_seconds: float  # from now until it may be sent
    entered: QueueShard  # with the job in it
    blocked_by: Code | None
    is_head: bool  # of those in the line, and waits for nothing but a place in flight

    @property
    def is_open(self) -> bool:
        """Whether the job may be let out now."""
        return self.wait_seconds <= AHEAD

    @property
    def retry_after(self) -> int:
        """The whole seconds until it is worth asking again, 1 or more."""
        return max(1, math.floor(self.wait_seconds))

    def acquired(self, now: float) -> QueueShard:
        """Return the line once the job has been let out."""
        priority, caller, _, slot_seconds = self.entry
        queue = self.entered.waiting(priority).serve(caller, self.round_number, slot_seconds)
        after = self.entered.with_waiting(priority, queue).after_send(self.starts_at, slot_seconds)
        return after.model_copy(update={"breaker": after.breaker.probing(now)})


def next_slot(
    shard: QueueShard, rate_limit: RateLimit, entry: QueueEntry, median: float, now: float
) -> Slot:
    """Return a job's turn; jobs like it take `median` seconds."""
    queue, round_number = shard.waiting(entry.priority), entry.round_number
    if round_number is None:
        queue, round_number = queue.enter(entry.caller, entry.slot_seconds)
    entered = shard.with_waiting(entry.priority, queue)
    starts_at = shard.earliest_send(entry.priority, rate_limit, now)
    broken = shard.breaker.wait(now)
    # Of a full house one leaves in about the time that an image takes, shared by all; but nobody
    # knows when, and a place that stays empty is time lost.
    full = shard.in_flight >= rate_limit.max_in_flight
    most = max(_MOST, median * _SHARE)
    busy = min(max(median / rate_limit.max_in_flight, AHEAD + 0.01), most) if full else 0.0
    ahead = entered.seconds_ahead(entry.priority, entry.caller, round_number)
    first = max(starts_at - now, broken)  # with nobody ahead, and a place
    return Slot(
        entry=entry,
        round_number=round_number,
        starts_at=starts_at,
        wait_seconds=max(first, busy) + ahead,
        entered=entered,
        blocked_by=shard.breaker.reason if broken else None,
        is_head=full and entry.round_number is not None and first + ahead <= AHEAD,
    )
