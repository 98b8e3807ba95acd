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
from darkroom.domain.slots import QueueEntry, Slot, next_slot
from darkroom.domain.submit_queue import Priority, QueueShard, RateLimit
from darkroom.usecases.acquire_slot import HEAD_POLL_SECONDS, HEAD_POLLS, TRIES, longest_pause
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
    head_polls: int = 0  # of who was next, for a place
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
        rate_limit: RateLimit,
        kind: Expected,
        jobs: int,
        takes: list[float],
        held: list[float],
        seed: int = 7,
    ) -> None:
        self.rate_limit, self.kind, self.jobs = rate_limit, kind, jobs
        self.takes, self.held = takes, held  # by sample: seconds in flight, seconds in Check
        self.flow, self.rng = Flow(), random.Random(seed)  # noqa: S311 - no secret
        self._shards = [QueueShard(index=number) for number in range(rate_limit.shards)]
        self._touched = [0] * rate_limit.shards
        self._count, self._share = rate_limit.shards, rate_limit.per_shard
        self._interval = round(self._share.slot_seconds(kind.median), 3)
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
        self.flow.line_bytes = max(len(json.dumps(_state(shard))) for shard in self._shards)
        return self.flow

    def _at(self, moment: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._heap, (moment, next(self._turns), act))

    def _create(self, now: float, *, rows: Iterator[int], looks: int = 0) -> None:
        self.flow.looks += 1
        self.flow.transitions[int(now)] += LOOK
        wait = until_room(max(shard.seconds for shard in self._shards), looks, chance=self.rng)
        if wait:
            self._at(now + wait + ENTER, partial(self._create, rows=rows, looks=looks + 1))
            return
        made = 0
        for _ in zip(range(PART), rows, strict=False):
            made += 1
            self._next_start = max(self._next_start, now + made * CREATE) + 1 / STARTS
            self._at(self._next_start + ENTER, partial(self._submit, number=None, shard=None))
        if made == PART:
            after = max(now + PART * CREATE, self._next_start - CREATE)
            self._at(after, partial(self._create, rows=rows))

    def _submit(self, now: float, *, number: int | None, shard: int | None) -> None:
        self.flow.transitions[int(now)] += TRANSITIONS
        self._busy(now, 0.4)
        self._read(now, number=number, shard=shard, tries=0)

    def _read(
        self, now: float, *, number: int | None, shard: int | None, tries: int, head_polls: int = 0
    ) -> None:
        """Read a line, the shorter of two for a newcomer; what it says is known when it is read."""
        came = shard is None
        if shard is None:
            two = self.rng.sample(range(self._count), min(2, self._count))
            shard = min(
                two, key=lambda n: max(self._shards[n].next_at, now) + self._shards[n].seconds
            )
        decide = partial(
            self._decide, number=number, shard=shard, tries=tries, head_polls=head_polls, came=came
        )
        self._at(now + READ * self.rng.uniform(0.7, 1.5), decide)

    def _decide(
        self, now: float, *, number: int | None, shard: int, tries: int, head_polls: int, came: bool
    ) -> None:
        entry = QueueEntry(Priority.LOW, "bench", number, self._interval)
        slot = next_slot(self._shards[shard], self._share, entry, self.kind.median, now)
        if slot.is_head and head_polls < HEAD_POLLS:
            self.flow.head_polls += 1
            self._busy(now, HEAD_POLL_SECONDS)
            read = partial(
                self._read, number=number, shard=shard, tries=tries, head_polls=head_polls + 1
            )
            self._at(now + HEAD_POLL_SECONDS, read)
            return
        if not slot.is_open and number is not None:
            self._defer(now, slot.retry_after, number, shard)
            return
        commit = partial(
            self._commit, slot=slot, shard=shard, tries=tries, came=came, was=self._touched[shard]
        )
        self._at(now + WRITE * self.rng.uniform(0.7, 1.5), commit)

    def _commit(
        self, now: float, *, slot: Slot, shard: int, tries: int, came: bool, was: int
    ) -> None:
        self.flow.attempts += 1
        self.flow.changed[shard, int(now)] += 1
        if self._touched[shard] != was:
            again = None if came else shard
            if tries + 1 < TRIES:
                pause = self.rng.uniform(0, longest_pause(tries))
                read = partial(
                    self._read, number=slot.entry.round_number, shard=again, tries=tries + 1
                )
                self._at(now + pause, read)
            else:
                self._defer(now, 1, slot.entry.round_number, again)
            return
        self.flow.changes += 1
        self._touched[shard] += 1
        if slot.is_open:
            sent = slot.acquired(now)
            self._shards[shard] = sent.model_copy(update={"in_flight": sent.in_flight + 1})
            self._at(max(now, slot.starts_at), partial(self._send, shard=shard))
        else:
            flying = self._shards[shard].in_flight
            self._shards[shard] = slot.entered.model_copy(update={"in_flight": flying})
            self._defer(now, slot.retry_after, slot.round_number, shard)

    def _defer(self, now: float, wait: int, number: int | None, shard: int | None) -> None:
        self.flow.deferrals += 1
        self._at(now + wait + ENTER, partial(self._submit, number=number, shard=shard))

    def _send(self, now: float, *, shard: int) -> None:
        allowed = self.rate_limit.images_per_minute
        if len(self._sent) >= allowed and now - self._sent[-allowed] < 60 - 1e-9:
            self.flow.refused += 1
        self._sent.append(now)
        self._flying += 1
        self.flow.refused += self._flying > self.rate_limit.max_in_flight
        sample = self.rng.randrange(len(self.takes))
        self.flow.seen.append(sample)
        self._at(now + self.takes[sample], partial(self._done, shard=shard, sample=sample))

    def _done(self, now: float, *, shard: int, sample: int) -> None:
        """The provider is done, and Check has seen it: its samples say when."""
        self._flying -= 1
        self._busy(now, COPY)
        start = now - self.held[sample]
        for second in range(int(start), int(now) + 1):
            self.flow.polled[second] += min(now, second + 1) - max(start, second)
        self._at(now + WRITE, partial(self._free, shard=shard))
        self.flow.ended_at = max(self.flow.ended_at, now + COPY)

    def _free(self, now: float, *, shard: int) -> None:
        self.flow.attempts += 1
        self.flow.changes += 1
        self.flow.changed[shard, int(now)] += 1
        self._touched[shard] += 1  # a count of its own, but one transaction at a time
        flying = self._shards[shard].in_flight
        self._shards[shard] = self._shards[shard].model_copy(update={"in_flight": flying - 1})
        self.flow.jobs += 1
        self.flow.transitions[int(now)] += 5  # Check, Checked, Finalize, Finalized, Done

    def _busy(self, now: float, seconds: float) -> None:
        for flow in (self.flow.polled, self.flow.called):
            flow[int(now)] += seconds


def _state(shard: QueueShard) -> object:
    return shard.model_dump(mode="json", exclude={"index", "version", "in_flight"})


def soonest(rate_limit: RateLimit, takes: list[float]) -> float:
    """Return when the last would end if each was sent as soon as the provider allows it."""
    sent: list[float] = []
    flying: list[float] = []
    last = 0.0
    for number, seconds in enumerate(takes):
        now = number * 60 / rate_limit.images_per_minute
        if len(flying) >= rate_limit.max_in_flight:
            now = max(now, heapq.heappop(flying))
        sent.append(now)
        heapq.heappush(flying, now + seconds)
        last = max(last, now + seconds)
    return last
