"""The submit queue: rate limiting, fair queueing and slots as pure functions of its state.

Rate limiting is a GCRA (generic cell rate algorithm, virtual scheduling). `next_at` is the
theoretical arrival time. Each send moves it forward by one slot.

Queueing is round robin over the callers. A caller's waiting jobs have consecutive round numbers, in
FIFO order. The queue stores only the first and the last round of each caller. These give the number
of jobs before any job, and so the job's wait.

Each job gets a slot: the earliest send by the rate limit, the queue, the jobs in flight and the
state of the provider.
"""

import hashlib
import math
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from darkroom.domain.breaker import ProviderState
from darkroom.domain.errors import Code
from darkroom.domain.values import Choice

# How much later than its slot a send may reach the provider, in seconds: waits are whole seconds.
_JITTER = 1.5
# A slot may be acquired this many seconds before it starts. Submit sleeps for the remainder, which
# costs less than a wait in the state machine.
AHEAD = 1.0
# A shard is one item, written with optimistic locking. Above about 40 writes per second most writes
# conflict, and a job makes three (benchmarks/scale.py). So fast accounts have several shards.
_IMAGES_PER_SHARD = 600  # per minute
# The longest wait for an in-flight slot: 5 seconds, or 12.5 % of the median duration if longer.
_MAX_IN_FLIGHT_WAIT, _IN_FLIGHT_WAIT_SHARE = 5.0, 0.125


class Priority(Choice):
    """A job's priority. Jobs of normal priority go first and may use the burst reserve."""

    NORMAL = "normal"
    LOW = "low"


class RateLimit(NamedTuple):
    """The account's limits at the provider."""

    images_per_minute: int
    max_in_flight: int

    @property
    def shards(self) -> int:
        """The number of queue shards."""
        return max(
            1, min(math.ceil(self.images_per_minute / _IMAGES_PER_SHARD), self.max_in_flight)
        )

    @property
    def per_shard(self) -> "RateLimit":
        """The limits of one shard."""
        return RateLimit(
            max(1, self.images_per_minute // self.shards), self.max_in_flight // self.shards
        )

    @property
    def burst_reserve(self) -> int:
        """The images per minute kept in reserve for bursts: 1 % of the rate."""
        return self.images_per_minute // 100

    def slot_seconds(self, duration: float) -> float:
        """Return the seconds from the send of a job to the next send.

        `duration` is the job's expected duration in seconds. In any minute at most
        `images_per_minute` jobs reach the provider, bursts included. By Little's law, one of
        `max_in_flight` jobs finishes every `duration / max_in_flight` seconds.
        """
        emission_interval = (60 + _JITTER) / (self.images_per_minute - self.burst_reserve)
        return max(emission_interval, duration / self.max_in_flight)

    def burst_seconds(self, priority: Priority) -> float:
        """Return the burst tolerance: the seconds of unused schedule that sends may catch up on."""
        tolerance = _JITTER - AHEAD
        if priority is Priority.LOW:
            return tolerance
        return tolerance + self.burst_reserve * (60 + _JITTER) / (
            self.images_per_minute - self.burst_reserve
        )


class Rounds(NamedTuple):
    """The first and the last round number of a caller's waiting jobs."""

    first: int
    last: int


class WaitingJobs(BaseModel):
    """The waiting jobs of one priority, by a digest of the caller."""

    model_config = ConfigDict(frozen=True)

    served: int = 0  # the highest round served
    rounds: dict[str, Rounds] = {}
    seconds: float = 0.0  # sum of the slots of all waiting jobs

    def enter(self, caller: str, slot_seconds: float) -> tuple["WaitingJobs", int]:
        """Add a job after the caller's other jobs. Returns the queue and the job's round number."""
        key = _digest(caller)
        current = self.rounds.get(key)
        number = max(self.served, current.last if current else 0) + 1
        # Rounds stay consecutive, so that their count is the number of jobs.
        first = number - (current.last - current.first + 1 if current else 0)
        return self._with(key, Rounds(first, number), slot_seconds), number

    def before(self, caller: str, number: int) -> int:
        """Return the number of jobs before this one: those of lower rounds. Digests break ties."""
        key = _digest(caller)
        count = 0
        for other, (first, last) in self.rounds.items():
            bound = number if other < key else number - 1
            count += max(0, min(last, bound) - first + 1)
        return count

    def serve(self, caller: str, number: int, slot_seconds: float) -> "WaitingJobs":
        """Remove a job because it is sent."""
        return self.leave(caller, slot_seconds).model_copy(
            update={"served": max(self.served, number)}
        )

    def leave(self, caller: str, slot_seconds: float | None = None) -> "WaitingJobs":
        """Remove a job and the caller's first round, whatever the job's own round is.

        So jobs before it may compute a wait that is one slot too short, but jobs after it never
        wait for a vacant position. `slot_seconds` defaults to the mean of the waiting jobs.
        """
        slot_seconds = self.slot_seconds if slot_seconds is None else slot_seconds
        key = _digest(caller)
        current = self.rounds.get(key)
        if current is None:
            return self
        return self._with(key, Rounds(current.first + 1, current.last), -slot_seconds)

    def put_back(self, caller: str, number: int, slot_seconds: float) -> "WaitingJobs":
        """Return a served job to its round in the queue."""
        key = _digest(caller)
        current = self.rounds.get(key)
        if current is None:
            rounds = Rounds(number, number)
        elif number > current.last:
            rounds = Rounds(number - (current.last - current.first + 1), number)
        else:
            rounds = Rounds(current.first - 1, current.last)
        return self._with(key, rounds, slot_seconds)

    @property
    def slot_seconds(self) -> float:
        """The mean slot of the waiting jobs, in seconds."""
        return self.seconds / len(self) if self.rounds else 0.0

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.rounds.values())

    def _with(self, key: str, caller_rounds: Rounds, seconds: float) -> "WaitingJobs":
        rounds = {other: value for other, value in self.rounds.items() if other != key}
        if caller_rounds.first <= caller_rounds.last:
            rounds[key] = caller_rounds
        # An empty queue resets the sum, and with it errors from rounding and changed rate limits.
        total = max(0.0, self.seconds + seconds) if rounds else 0.0
        return self.model_copy(update={"rounds": rounds, "seconds": total})


class QueueShard(BaseModel):
    """The state of one queue shard: one item, written with optimistic locking."""

    model_config = ConfigDict(frozen=True)

    index: int = 0
    version: int = 0
    in_flight: int = 0  # an atomic counter: see ports.QueueChange
    next_at: float = 0.0  # Unix seconds: the theoretical arrival time
    normal: WaitingJobs = WaitingJobs()
    low: WaitingJobs = WaitingJobs()

    @property
    def seconds(self) -> float:
        """The sum of the slots of all waiting jobs, of both priorities."""
        return self.normal.seconds + self.low.seconds

    def waiting(self, priority: Priority) -> WaitingJobs:
        """Return the waiting jobs of a priority."""
        return self.normal if priority is Priority.NORMAL else self.low

    def with_waiting(self, priority: Priority, queue: WaitingJobs) -> "QueueShard":
        """Return the shard with `queue` as the waiting jobs of a priority."""
        return self.model_copy(update={str(priority): queue})

    def jobs_ahead(self, priority: Priority, caller: str, number: int) -> int:
        """Return the number of jobs before this one, of both priorities."""
        normal = len(self.normal) if priority is Priority.LOW else 0
        return normal + self.waiting(priority).before(caller, number)

    def seconds_ahead(self, priority: Priority, caller: str, number: int) -> float:
        """Return the seconds of the slots before this job, of both priorities."""
        normal = self.normal.seconds if priority is Priority.LOW else 0.0
        queue = self.waiting(priority)
        return normal + queue.before(caller, number) * queue.slot_seconds

    def earliest_send(self, priority: Priority, rate_limit: RateLimit, now: float) -> float:
        """Return when the next job may be sent, in Unix seconds."""
        return max(self.next_at, now - rate_limit.burst_seconds(priority))

    def after_send(self, sent_at: float, slot_seconds: float) -> "QueueShard":
        """Return the shard after a send at `sent_at`, in Unix seconds."""
        return self.model_copy(update={"next_at": max(self.next_at, sent_at) + slot_seconds})


class QueueSnapshot(NamedTuple):
    """The provider's state, every shard that has had a job by its index, and the revoked keys."""

    provider: ProviderState
    shards: dict[int, QueueShard]
    revoked: frozenset[str] = frozenset()  # ids of API keys; their waiting jobs are not submitted

    @property
    def next_at(self) -> float:
        """When the first shard may submit, in Unix seconds, unless the circuit breaker is open."""
        first = min((shard.next_at for shard in self.shards.values()), default=0.0)
        return max(self.provider.paused_until, first)

    def shard(self, index: int) -> QueueShard:
        """Return a shard; an empty one if the shard has had no job."""
        return self.shards.get(index, QueueShard(index=index))


class QueueEntry(NamedTuple):
    """A job in the submit queue, or about to enter it."""

    priority: Priority
    caller: str
    round_number: int | None  # None until the job has entered the queue
    slot_seconds: float  # from this job's send to the next one


class Slot(NamedTuple):
    """A job's slot, computed from one read of the queue."""

    entry: QueueEntry
    round_number: int
    starts_at: float  # Unix seconds: the earliest send
    wait_seconds: float  # from now until the job may be submitted
    shard: QueueShard  # as it was read
    provider: ProviderState  # as it was read
    entered: QueueShard  # the shard with this job in the queue
    is_head: bool  # head of the queue, waiting only for an in-flight slot

    @property
    def is_open(self) -> bool:
        """Whether the job may acquire the slot now."""
        return self.wait_seconds <= AHEAD

    @property
    def retry_after(self) -> int:
        """The whole seconds until the next attempt, at least 1."""
        return max(1, math.floor(self.wait_seconds))

    @property
    def blocked_by(self) -> Code | None:
        """Why the circuit breaker is open; None if it is closed."""
        return self.provider.reason

    def acquired(self) -> QueueShard:
        """Return the shard after the job has acquired the slot."""
        priority, caller, _, slot_seconds = self.entry
        queue = self.entered.waiting(priority).serve(caller, self.round_number, slot_seconds)
        return self.entered.with_waiting(priority, queue).after_send(self.starts_at, slot_seconds)


def next_slot(
    provider: ProviderState,
    shard: QueueShard,
    rate_limit: RateLimit,
    entry: QueueEntry,
    median: float,
    now: float,
) -> Slot:
    """Return a job's slot. `median` is the expected duration of the job in seconds."""
    queue, round_number = shard.waiting(entry.priority), entry.round_number
    if round_number is None:
        queue, round_number = queue.enter(entry.caller, entry.slot_seconds)
    entered = shard.with_waiting(entry.priority, queue)
    starts_at = max(
        shard.earliest_send(entry.priority, rate_limit, now), provider.earliest_send(now)
    )
    # With all in-flight slots taken, one becomes free about every median / max_in_flight seconds.
    # The moment is not predictable, and an idle slot wastes capacity, so the wait is limited.
    is_full = shard.in_flight >= rate_limit.max_in_flight
    longest = max(_MAX_IN_FLIGHT_WAIT, median * _IN_FLIGHT_WAIT_SHARE)
    mean_wait = max(median / rate_limit.max_in_flight, AHEAD + 0.01)
    in_flight_wait = min(mean_wait, longest) if is_full else 0.0
    ahead = entered.seconds_ahead(entry.priority, entry.caller, round_number)
    head_wait = max(0.0, starts_at - now)  # at the head, with a free in-flight slot
    return Slot(
        entry=entry,
        round_number=round_number,
        starts_at=starts_at,
        wait_seconds=max(head_wait, in_flight_wait) + ahead,
        shard=shard,
        provider=provider,
        entered=entered,
        is_head=is_full and entry.round_number is not None and head_wait + ahead <= AHEAD,
    )


def _digest(caller: str) -> str:
    """Return a short digest of a caller. It keeps the item small with many waiting callers."""
    return hashlib.sha256(caller.encode()).hexdigest()[:10]
