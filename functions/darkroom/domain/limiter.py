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

from darkroom.domain.breaker import Breaker

# How much later than granted a send may reach the provider, in seconds: waits are whole seconds.
_JITTER = 1.5
# How far ahead a slot is granted, in seconds: the rest is slept, for less than a wait costs.
AHEAD = 1.0
# A line is one item that is changed only as it was read: beyond some forty changes a second most
# are for nothing, and a job makes three (benchmarks/scale.py). So fast accounts have several.
_IMAGES_A_LINE = 600  # a minute


class Lane(StrEnum):
    """Who waits for it: a person, or nobody. Interactive jobs go first, and may use the burst."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class Tier(NamedTuple):
    """What the provider allows the account."""

    images_a_minute: int
    in_flight: int

    @property
    def lines(self) -> int:
        """How many lines the jobs stand in."""
        return max(1, min(math.ceil(self.images_a_minute / _IMAGES_A_LINE), self.in_flight))

    @property
    def share(self) -> "Tier":
        """What one of its lines may send."""
        return Tier(max(1, self.images_a_minute // self.lines), self.in_flight // self.lines)

    @property
    def spare(self) -> int:
        """How many a minute are kept back for bursts: a hundredth."""
        return self.images_a_minute // 100

    def interval(self, seconds: float) -> float:
        """Return the seconds between sends of jobs that take so many `seconds`.

        So that in any minute no more than `images_a_minute` reach the provider, bursts included.
        """
        rate = (60 + _JITTER) / (self.images_a_minute - self.spare)
        return max(rate, seconds / self.in_flight)

    def burst(self, lane: Lane) -> float:
        """Return the seconds by which a send may catch up on the schedule."""
        catch_up = _JITTER - AHEAD
        if lane is Lane.BATCH:
            return catch_up
        return catch_up + self.spare * (60 + _JITTER) / (self.images_a_minute - self.spare)


class Numbers(NamedTuple):
    """The rounds of a caller's waiting jobs, from first to last."""

    first: int
    last: int


class Queue(BaseModel):
    """The waiting jobs of a lane, by a digest of their callers."""

    model_config = ConfigDict(frozen=True)

    served: int = 0
    waiting: dict[str, Numbers] = {}
    seconds: float = 0.0  # the intervals of all that wait, summed

    def enter(self, caller: str, interval: float) -> tuple["Queue", int]:
        """Put a job at the end of its caller's; return its number."""
        name = _digest(caller)
        mine = self.waiting.get(name)
        number = max(self.served, mine.last if mine else 0) + 1
        # Without a gap: as many numbers as jobs.
        first = number - (mine.last - mine.first + 1 if mine else 0)
        return self._with(name, Numbers(first, number), interval), number

    def before(self, caller: str, number: int) -> int:
        """Return how many jobs come before this one: those of lower rounds, and ties by name."""
        name = _digest(caller)
        count = 0
        for other, (first, last) in self.waiting.items():
            bound = number if other < name else number - 1
            count += max(0, min(last, bound) - first + 1)
        return count

    def serve(self, caller: str, number: int, interval: float) -> "Queue":
        """Take a job out because it is sent."""
        return self.leave(caller, interval).model_copy(update={"served": max(self.served, number)})

    def leave(self, caller: str, interval: float | None = None) -> "Queue":
        """Take a job out: its caller's others move up, wherever it stood.

        So those before it come too early at the worst, and those after it never wait for a place
        that nobody has. Without its `interval`, the mean is taken for it.
        """
        interval = self.interval if interval is None else interval
        name = _digest(caller)
        mine = self.waiting.get(name)
        return self._with(name, Numbers(mine.first + 1, mine.last), -interval) if mine else self

    def put_back(self, caller: str, number: int, interval: float) -> "Queue":
        """Give a job that was served its place again."""
        name = _digest(caller)
        mine = self.waiting.get(name)
        if mine is None:
            numbers = Numbers(number, number)
        elif number > mine.last:
            numbers = Numbers(number - (mine.last - mine.first + 1), number)
        else:
            numbers = Numbers(mine.first - 1, mine.last)
        return self._with(name, numbers, interval)

    @property
    def interval(self) -> float:
        """The mean of the intervals of those that wait, in seconds."""
        return self.seconds / len(self) if self.waiting else 0.0

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.waiting.values())

    def _with(self, name: str, numbers: Numbers, seconds: float) -> "Queue":
        waiting = {key: value for key, value in self.waiting.items() if key != name}
        if numbers.first <= numbers.last:
            waiting[name] = numbers
        # With nobody there, what rounding and changes of the tier have left is gone, too.
        total = max(0.0, self.seconds + seconds) if waiting else 0.0
        return self.model_copy(update={"waiting": waiting, "seconds": total})


class Line(BaseModel):
    """The whole state: one item, changed only if nobody else has since it was read."""

    model_config = ConfigDict(frozen=True)

    number: int = 0  # which of them it is
    version: int = 0
    in_flight: int = 0  # counted apart: see ports.Flight
    next_at: float = 0.0  # Unix seconds
    interactive: Queue = Queue()
    batch: Queue = Queue()
    breaker: Breaker = Breaker()

    @property
    def seconds(self) -> float:
        """The intervals of all that wait, of both lanes, summed."""
        return self.interactive.seconds + self.batch.seconds

    def queue(self, lane: Lane) -> Queue:
        """Return a lane's waiting jobs."""
        return self.interactive if lane is Lane.INTERACTIVE else self.batch

    def with_queue(self, lane: Lane, queue: Queue) -> "Line":
        """Return the line with another queue in this lane."""
        return self.model_copy(update={str(lane): queue})

    def ahead(self, lane: Lane, caller: str, number: int) -> float:
        """Return the seconds that those take who come before this job, of both lanes."""
        others = self.interactive.seconds if lane is Lane.BATCH else 0.0
        queue = self.queue(lane)
        return others + queue.before(caller, number) * queue.interval

    def slot(self, lane: Lane, tier: Tier, now: float) -> float:
        """Return the next moment at which a job may be sent, if nobody comes before it."""
        return max(self.next_at, now - tier.burst(lane))

    def sent(self, slot: float, interval: float) -> "Line":
        """Return the line after a send at `slot`."""
        return self.model_copy(update={"next_at": max(self.next_at, slot) + interval})

    def held_until(self, moment: float) -> "Line":
        """Return the line with everybody held until then: the provider asked to wait."""
        return self.model_copy(update={"next_at": max(self.next_at, moment)})


def _digest(caller: str) -> str:
    """Return a short name for a caller: the line holds one for each that waits."""
    return hashlib.sha256(caller.encode()).hexdigest()[:10]
