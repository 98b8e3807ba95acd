"""When a job may be sent: one schedule for everybody, a pure function of the line and the time.

A GCRA (virtual scheduling): `next_at` is the theoretical arrival time, moved by one interval at
each send, and by a 429. In front of it stands a fair line: each caller's waiting jobs have numbers
of rounds, first come first served, and the line holds no more of a caller than its first and last
number. So a job knows at any time how many come before it, and with that how long to wait.
"""

import hashlib
import math
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from darkroom.domain.breaker import BreakerState

# How much later than granted a send may reach the provider, in seconds: waits are whole seconds.
_JITTER = 1.5
# How far ahead a slot is granted, in seconds: the rest is slept, for less than a wait costs.
AHEAD = 1.0
# A line is one item that is changed only as it was read: beyond some forty changes a second most
# are for nothing, and a job makes three (benchmarks/scale.py). So fast accounts have several.
_IMAGES_PER_SHARD = 600  # a minute


class Priority(StrEnum):
    """Who waits for it: a person, or nobody. Interactive jobs go first, and may use the burst."""

    NORMAL = "normal"
    LOW = "low"


class RateLimit(NamedTuple):
    """What the provider allows the account."""

    images_per_minute: int
    max_in_flight: int

    @property
    def shards(self) -> int:
        """How many lines the jobs stand in."""
        return max(
            1, min(math.ceil(self.images_per_minute / _IMAGES_PER_SHARD), self.max_in_flight)
        )

    @property
    def per_shard(self) -> "RateLimit":
        """What one of its lines may send."""
        return RateLimit(
            max(1, self.images_per_minute // self.shards), self.max_in_flight // self.shards
        )

    @property
    def burst_reserve(self) -> int:
        """How many a minute are kept back for bursts: a hundredth."""
        return self.images_per_minute // 100

    def slot_seconds(self, duration: float) -> float:
        """Return the seconds between sends of jobs that take so many `seconds`.

        So that in any minute no more than `images_per_minute` reach the provider, bursts included.
        """
        rate = (60 + _JITTER) / (self.images_per_minute - self.burst_reserve)
        return max(rate, duration / self.max_in_flight)

    def burst_seconds(self, priority: Priority) -> float:
        """Return the seconds by which a send may catch up on the schedule."""
        catch_up = _JITTER - AHEAD
        if priority is Priority.LOW:
            return catch_up
        return catch_up + self.burst_reserve * (60 + _JITTER) / (
            self.images_per_minute - self.burst_reserve
        )


class Rounds(NamedTuple):
    """The rounds of a caller's waiting jobs, from first to last."""

    first: int
    last: int


class WaitingJobs(BaseModel):
    """The waiting jobs of a lane, by a digest of their callers."""

    model_config = ConfigDict(frozen=True)

    served: int = 0
    rounds: dict[str, Rounds] = {}
    seconds: float = 0.0  # the intervals of all that wait, summed

    def enter(self, caller: str, slot_seconds: float) -> tuple["WaitingJobs", int]:
        """Put a job at the end of its caller's; return its number."""
        name = _digest(caller)
        mine = self.rounds.get(name)
        number = max(self.served, mine.last if mine else 0) + 1
        # Without a gap: as many numbers as jobs.
        first = number - (mine.last - mine.first + 1 if mine else 0)
        return self._with(name, Rounds(first, number), slot_seconds), number

    def before(self, caller: str, number: int) -> int:
        """Return how many jobs come before this one: those of lower rounds, and ties by name."""
        name = _digest(caller)
        count = 0
        for other, (first, last) in self.rounds.items():
            bound = number if other < name else number - 1
            count += max(0, min(last, bound) - first + 1)
        return count

    def serve(self, caller: str, number: int, slot_seconds: float) -> "WaitingJobs":
        """Take a job out because it is sent."""
        return self.leave(caller, slot_seconds).model_copy(
            update={"served": max(self.served, number)}
        )

    def leave(self, caller: str, slot_seconds: float | None = None) -> "WaitingJobs":
        """Take a job out: its caller's others move up, wherever it stood.

        So those before it come too early at the worst, and those after it never wait for a place
        that nobody has. Without its `interval`, the mean is taken for it.
        """
        slot_seconds = self.slot_seconds if slot_seconds is None else slot_seconds
        name = _digest(caller)
        mine = self.rounds.get(name)
        return self._with(name, Rounds(mine.first + 1, mine.last), -slot_seconds) if mine else self

    def put_back(self, caller: str, number: int, slot_seconds: float) -> "WaitingJobs":
        """Give a job that was served its place again."""
        name = _digest(caller)
        mine = self.rounds.get(name)
        if mine is None:
            numbers = Rounds(number, number)
        elif number > mine.last:
            numbers = Rounds(number - (mine.last - mine.first + 1), number)
        else:
            numbers = Rounds(mine.first - 1, mine.last)
        return self._with(name, numbers, slot_seconds)

    @property
    def slot_seconds(self) -> float:
        """The mean of the intervals of those that wait, in seconds."""
        return self.seconds / len(self) if self.rounds else 0.0

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.rounds.values())

    def _with(self, name: str, numbers: Rounds, seconds: float) -> "WaitingJobs":
        rounds = {key: value for key, value in self.rounds.items() if key != name}
        if numbers.first <= numbers.last:
            rounds[name] = numbers
        # With nobody there, what rounding and changes of the tier have left is gone, too.
        total = max(0.0, self.seconds + seconds) if rounds else 0.0
        return self.model_copy(update={"rounds": rounds, "seconds": total})


class QueueShard(BaseModel):
    """The whole state: one item, changed only if nobody else has since it was read."""

    model_config = ConfigDict(frozen=True)

    index: int = 0
    version: int = 0
    in_flight: int = 0  # counted apart: see ports.Flight
    next_at: float = 0.0  # Unix seconds
    normal: WaitingJobs = WaitingJobs()
    low: WaitingJobs = WaitingJobs()
    breaker: BreakerState = BreakerState()

    @property
    def seconds(self) -> float:
        """The intervals of all that wait, of both lanes, summed."""
        return self.normal.seconds + self.low.seconds

    def waiting(self, priority: Priority) -> WaitingJobs:
        """Return a lane's waiting jobs."""
        return self.normal if priority is Priority.NORMAL else self.low

    def with_waiting(self, priority: Priority, queue: WaitingJobs) -> "QueueShard":
        """Return the line with another queue in this lane."""
        return self.model_copy(update={str(priority): queue})

    def seconds_ahead(self, priority: Priority, caller: str, number: int) -> float:
        """Return the seconds that those take who come before this job, of both lanes."""
        others = self.normal.seconds if priority is Priority.LOW else 0.0
        queue = self.waiting(priority)
        return others + queue.before(caller, number) * queue.slot_seconds

    def earliest_send(self, priority: Priority, rate_limit: RateLimit, now: float) -> float:
        """Return the next moment at which a job may be sent, if nobody comes before it."""
        return max(self.next_at, now - rate_limit.burst_seconds(priority))

    def after_send(self, slot: float, slot_seconds: float) -> "QueueShard":
        """Return the line after a send at `slot`."""
        return self.model_copy(update={"next_at": max(self.next_at, slot) + slot_seconds})

    def paused_until(self, moment: float) -> "QueueShard":
        """Return the line with everybody held until then: the provider asked to wait."""
        return self.model_copy(update={"next_at": max(self.next_at, moment)})


def _digest(caller: str) -> str:
    """Return a short name for a caller: the line holds one for each that waits."""
    return hashlib.sha256(caller.encode()).hexdigest()[:10]
