"""Whose turn it is: what the line says to a job that asks to be sent."""

import math
from typing import NamedTuple

from darkroom.domain.errors import Code
from darkroom.domain.limiter import AHEAD, Lane, Line, Tier

_MOST, _SHARE = 5.0, 0.125  # seconds that a job waits for a place, or that part of the median


class Place(NamedTuple):
    """Where a job stands, or will: its lane, whose it is, its number if it has one."""

    lane: Lane
    caller: str
    number: int | None
    interval: float  # seconds between its send and the next


class Turn(NamedTuple):
    """When a job's turn is, by the line as it was read."""

    place: Place
    number: int
    slot: float  # Unix seconds
    seconds: float  # from now until it may be sent
    entered: Line  # with the job in it
    by_breaker: Code | None
    is_next: bool  # of those in the line, and waits for nothing but a place in flight

    @property
    def has_come(self) -> bool:
        """Whether the job may be let out now."""
        return self.seconds <= AHEAD

    @property
    def wait(self) -> int:
        """The whole seconds until it is worth asking again, 1 or more."""
        return max(1, math.floor(self.seconds))

    def sent(self, now: float) -> Line:
        """Return the line once the job has been let out."""
        lane, caller, _, interval = self.place
        queue = self.entered.queue(lane).serve(caller, self.number, interval)
        after = self.entered.with_queue(lane, queue).sent(self.slot, interval)
        return after.model_copy(update={"breaker": after.breaker.probing(now)})


def turn(line: Line, tier: Tier, place: Place, median: float, now: float) -> Turn:
    """Return a job's turn; jobs like it take `median` seconds."""
    queue, number = line.queue(place.lane), place.number
    if number is None:
        queue, number = queue.enter(place.caller, place.interval)
    entered = line.with_queue(place.lane, queue)
    slot = line.slot(place.lane, tier, now)
    broken = line.breaker.wait(now)
    # Of a full house one leaves in about the time that an image takes, shared by all; but nobody
    # knows when, and a place that stays empty is time lost.
    full = line.in_flight >= tier.in_flight
    most = max(_MOST, median * _SHARE)
    busy = min(max(median / tier.in_flight, AHEAD + 0.01), most) if full else 0.0
    ahead = entered.ahead(place.lane, place.caller, number)
    first = max(slot - now, broken)  # with nobody ahead, and a place
    return Turn(
        place=place,
        number=number,
        slot=slot,
        seconds=max(first, busy) + ahead,
        entered=entered,
        by_breaker=line.breaker.reason if broken else None,
        is_next=full and place.number is not None and first + ahead <= AHEAD,
    )
