"""Many jobs through the lines: the shipped limiter, in made-up time, with its conflicts.

Rows of batches become jobs as CreateRows lets them; each job enters a line, waits as long as it is
told, and is sent at its slot. A line is read, and changed only if nobody has changed it meanwhile.
"""

import heapq
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from darkroom.domain.durations import Expected
from darkroom.domain.limiter import Lane, Line, Tier
from darkroom.domain.turns import Place, Turn, turn
from darkroom.usecases.admit_job import STAY, STAYS, TRIES, longest_pause
from darkroom.usecases.create_rows import until_room

# Assumed, in seconds: a read and a transaction of DynamoDB, a row made a job, a state entered.
READ, WRITE, CREATE, ENTER = 0.004, 0.010, 0.06, 0.05
STARTS = 300  # executions that an account may start a second
ROWS, CREATORS, PART = 10_000, 6, 12  # of a batch, of its machine, of a step of CreateRows
COPY = 1.5  # seconds of Finalize, assumed as in the bill
TRANSITIONS = 3  # Submit, Submitted, and Defer or what follows
LOOK = 3  # CreateRows, Created, and AwaitRoom or what follows


@dataclass
class Flow:
    """What happened."""

    jobs: int = 0
    ended_at: float = 0.0
    refused: int = 0  # sends that the provider would have refused
    attempts: int = 0  # to change a line
    changes: int = 0
    deferrals: int = 0
    stays: int = 0  # of who was next, for a place
    looks: int = 0  # of CreateRows, for room
    transitions: Counter[int] = field(default_factory=Counter)  # by second
    changed: Counter[tuple[int, int]] = field(default_factory=Counter)  # by line and second
    polled: dict[int, float] = field(
        default_factory=lambda: defaultdict(float)
    )  # functions at work, by second
    called: dict[int, float] = field(
        default_factory=lambda: defaultdict(float)
    )  # the same, with webhooks
    line_bytes: int = 0
    seen: list[int] = field(default_factory=list)  # samples, by index


class Traffic:
    """One run: so many jobs of one kind, at one tier."""

    def __init__(
        self,
        tier: Tier,
        kind: Expected,
        jobs: int,
        takes: list[float],
        held: list[float],
        seed: int = 7,
    ) -> None:
        self.tier, self.kind, self.jobs = tier, kind, jobs
        self.takes, self.held = takes, held  # by sample: seconds in flight, seconds in Check
        self.flow, self.rng = Flow(), random.Random(seed)  # noqa: S311 - no secret
        self._lines = [Line(number=number) for number in range(tier.lines)]
        self._touched = [0] * tier.lines
        self._count, self._share = tier.lines, tier.share
        self._interval = round(self._share.interval(kind.median), 3)
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._turns, self._next_start, self._sent, self._flying = count(), 0.0, list[float](), 0

    def run(self) -> Flow:
        """Let all of them come, be sent, and end."""
        for first in range(0, self.jobs, ROWS):
            rows = iter(range(first, min(first + ROWS, self.jobs)))
            for number in range(CREATORS):
                self._at(number * CREATE / CREATORS, partial(self._create, rows=rows))
        while self._heap:
            now, _, act = heapq.heappop(self._heap)
            act(now)
        self.flow.line_bytes = max(len(json.dumps(_state(line))) for line in self._lines)
        return self.flow

    def _at(self, moment: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._heap, (moment, next(self._turns), act))

    def _create(self, now: float, *, rows: Iterator[int], looks: int = 0) -> None:
        self.flow.looks += 1
        self.flow.transitions[int(now)] += LOOK
        wait = until_room(max(line.seconds for line in self._lines), looks, chance=self.rng)
        if wait:
            self._at(now + wait + ENTER, partial(self._create, rows=rows, looks=looks + 1))
            return
        made = 0
        for _ in zip(range(PART), rows, strict=False):
            made += 1
            self._next_start = max(self._next_start, now + made * CREATE) + 1 / STARTS
            self._at(self._next_start + ENTER, partial(self._submit, number=None, line=None))
        if made == PART:
            after = max(now + PART * CREATE, self._next_start - CREATE)
            self._at(after, partial(self._create, rows=rows))

    def _submit(self, now: float, *, number: int | None, line: int | None) -> None:
        self.flow.transitions[int(now)] += TRANSITIONS
        self._busy(now, 0.4)
        self._read(now, number=number, line=line, tries=0)

    def _read(
        self, now: float, *, number: int | None, line: int | None, tries: int, stays: int = 0
    ) -> None:
        """Read a line, the shorter of two for a newcomer; what it says is known when it is read."""
        came = line is None
        if line is None:
            two = self.rng.sample(range(self._count), min(2, self._count))
            line = min(two, key=lambda n: max(self._lines[n].next_at, now) + self._lines[n].seconds)
        decide = partial(
            self._decide, number=number, line=line, tries=tries, stays=stays, came=came
        )
        self._at(now + READ * self.rng.uniform(0.7, 1.5), decide)

    def _decide(
        self, now: float, *, number: int | None, line: int, tries: int, stays: int, came: bool
    ) -> None:
        place = Place(Lane.BATCH, "bench", number, self._interval)
        mine = turn(self._lines[line], self._share, place, self.kind.median, now)
        if mine.is_next and stays < STAYS:
            self.flow.stays += 1
            self._busy(now, STAY)
            read = partial(self._read, number=number, line=line, tries=tries, stays=stays + 1)
            self._at(now + STAY, read)
            return
        if not mine.has_come and number is not None:
            self._defer(now, mine.wait, number, line)
            return
        commit = partial(
            self._commit, mine=mine, line=line, tries=tries, came=came, was=self._touched[line]
        )
        self._at(now + WRITE * self.rng.uniform(0.7, 1.5), commit)

    def _commit(
        self, now: float, *, mine: Turn, line: int, tries: int, came: bool, was: int
    ) -> None:
        self.flow.attempts += 1
        self.flow.changed[line, int(now)] += 1
        if self._touched[line] != was:
            again = None if came else line
            if tries + 1 < TRIES:
                pause = self.rng.uniform(0, longest_pause(tries))
                read = partial(self._read, number=mine.place.number, line=again, tries=tries + 1)
                self._at(now + pause, read)
            else:
                self._defer(now, 1, mine.place.number, again)
            return
        self.flow.changes += 1
        self._touched[line] += 1
        if mine.has_come:
            sent = mine.sent(now)
            self._lines[line] = sent.model_copy(update={"in_flight": sent.in_flight + 1})
            self._at(max(now, mine.slot), partial(self._send, line=line))
        else:
            flying = self._lines[line].in_flight
            self._lines[line] = mine.entered.model_copy(update={"in_flight": flying})
            self._defer(now, mine.wait, mine.number, line)

    def _defer(self, now: float, wait: int, number: int | None, line: int | None) -> None:
        self.flow.deferrals += 1
        self._at(now + wait + ENTER, partial(self._submit, number=number, line=line))

    def _send(self, now: float, *, line: int) -> None:
        allowed = self.tier.images_a_minute
        if len(self._sent) >= allowed and now - self._sent[-allowed] < 60 - 1e-9:
            self.flow.refused += 1
        self._sent.append(now)
        self._flying += 1
        self.flow.refused += self._flying > self.tier.in_flight
        sample = self.rng.randrange(len(self.takes))
        self.flow.seen.append(sample)
        self._at(now + self.takes[sample], partial(self._done, line=line, sample=sample))

    def _done(self, now: float, *, line: int, sample: int) -> None:
        """The provider is done, and Check has seen it: its samples say when."""
        self._flying -= 1
        self._busy(now, COPY)
        start = now - self.held[sample]
        for second in range(int(start), int(now) + 1):
            self.flow.polled[second] += min(now, second + 1) - max(start, second)
        self._at(now + WRITE, partial(self._free, line=line))
        self.flow.ended_at = max(self.flow.ended_at, now + COPY)

    def _free(self, now: float, *, line: int) -> None:
        self.flow.attempts += 1
        self.flow.changes += 1
        self.flow.changed[line, int(now)] += 1
        self._touched[line] += 1  # a count of its own, but one transaction at a time
        flying = self._lines[line].in_flight
        self._lines[line] = self._lines[line].model_copy(update={"in_flight": flying - 1})
        self.flow.jobs += 1
        self.flow.transitions[int(now)] += 5  # Check, Checked, Finalize, Finalized, Done

    def _busy(self, now: float, seconds: float) -> None:
        for flow in (self.flow.polled, self.flow.called):
            flow[int(now)] += seconds


def _state(line: Line) -> object:
    return line.model_dump(mode="json", exclude={"number", "version", "in_flight"})


def soonest(tier: Tier, takes: list[float]) -> float:
    """Return when the last would end if each was sent as soon as the provider allows it."""
    sent: list[float] = []
    flying: list[float] = []
    last = 0.0
    for number, seconds in enumerate(takes):
        now = number * 60 / tier.images_a_minute
        if len(flying) >= tier.in_flight:
            now = max(now, heapq.heappop(flying))
        sent.append(now)
        heapq.heappush(flying, now + seconds)
        last = max(last, now + seconds)
    return last
