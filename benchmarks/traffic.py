"""Simulate many jobs in the submit queue: the shipped rate limiter in simulated time.

CreateRows turns batch rows into jobs. Each job enters a queue shard, waits as long as it is
deferred, and is submitted at its slot. Writes to a shard use optimistic locking and may conflict.
"""

import heapq
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from darkroom.domain.breaker import ProviderState
from darkroom.domain.durations import ExpectedDuration
from darkroom.domain.submit_queue import (
    Priority,
    QueueEntry,
    QueueShard,
    RateLimit,
    Slot,
    next_slot,
)
from darkroom.usecases.batches.create_rows import seconds_until_room
from darkroom.usecases.jobs.acquire_slot import (
    HEAD_POLL_SECONDS,
    HEAD_POLLS,
    MAX_TRIES,
    max_backoff,
)

# Assumed seconds: a DynamoDB read, a transaction, creating a job from a row, entering a state.
READ_SECONDS, WRITE_SECONDS, ROW_SECONDS, STATE_SECONDS = 0.004, 0.010, 0.06, 0.05
SUBMIT_SECONDS, FINALIZE_SECONDS = 0.4, 1.5  # assumed run times, as in the bill
STARTS_PER_SECOND = 300  # executions that an account may start
# Rows of a batch, concurrent CreateRows tasks of a batch, rows of one CreateRows task.
BATCH_ROWS, CREATORS, TASK_ROWS = 10_000, 6, 12
SUBMIT_TRANSITIONS = 3  # Submit, SubmitResult, and the next state
CREATE_TRANSITIONS = 3  # CreateRows, its result, and the next state
END_TRANSITIONS = 5  # Check, CheckResult, Finalize, FinalizeResult, Done


def _by_second() -> dict[int, float]:
    return defaultdict(float)


@dataclass
class TrafficResult:
    """The result of one simulation."""

    jobs: int = 0
    ended_at: float = 0.0  # seconds
    refused: int = 0  # submits that the provider would have refused
    attempts: int = 0  # of writes to a shard
    writes: int = 0  # that succeeded
    deferrals: int = 0
    head_polls: int = 0
    room_checks: int = 0  # by CreateRows
    transitions: Counter[int] = field(default_factory=Counter)  # by second
    attempts_at: Counter[tuple[int, int]] = field(default_factory=Counter)  # by shard and second
    # Concurrent functions by second, without and with webhooks.
    concurrency_polling: dict[int, float] = field(default_factory=_by_second)
    concurrency_webhooks: dict[int, float] = field(default_factory=_by_second)
    shard_bytes: int = 0
    samples: list[int] = field(default_factory=list)  # the sample of each submit, by index


class Traffic:
    """A simulation of `jobs` jobs of one kind at one rate limit.

    `flight_seconds` and `check_seconds` are samples of one job's seconds in flight and in Check.
    """

    def __init__(
        self,
        rate_limit: RateLimit,
        kind: ExpectedDuration,
        jobs: int,
        flight_seconds: list[float],
        check_seconds: list[float],
        seed: int = 7,
    ) -> None:
        self.rate_limit, self.kind, self.jobs = rate_limit, kind, jobs
        self.flight_seconds, self.check_seconds = flight_seconds, check_seconds
        self.result, self.rng = TrafficResult(), random.Random(seed)  # noqa: S311 - no secret
        self._shards = [QueueShard(index=number) for number in range(rate_limit.shards)]
        self._versions = [0] * rate_limit.shards
        self._per_shard = rate_limit.per_shard
        self._slot_seconds = round(self._per_shard.slot_seconds(kind.median), 3)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._sequence = count()
        self._next_start, self._in_flight = 0.0, 0
        self._submitted_at: list[float] = []

    def run(self) -> TrafficResult:
        """Run the simulation until every job has ended."""
        for first in range(0, self.jobs, BATCH_ROWS):
            rows = iter(range(first, min(first + BATCH_ROWS, self.jobs)))
            for number in range(CREATORS):
                start = number * ROW_SECONDS / CREATORS
                self._schedule(start, partial(self._create_rows, rows=rows))
        while self._events:
            now, _, action = heapq.heappop(self._events)
            action(now)
        self.result.shard_bytes = max(len(json.dumps(_item(shard))) for shard in self._shards)
        return self.result

    def _schedule(self, time: float, action: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._sequence), action))

    def _create_rows(self, now: float, *, rows: Iterator[int], attempts: int = 0) -> None:
        self.result.room_checks += 1
        self.result.transitions[int(now)] += CREATE_TRANSITIONS
        waiting = max(shard.seconds for shard in self._shards)
        wait = seconds_until_room(waiting, attempts, chance=self.rng)
        if wait:
            retry = partial(self._create_rows, rows=rows, attempts=attempts + 1)
            self._schedule(now + wait + STATE_SECONDS, retry)
            return
        created = 0
        for _ in zip(range(TASK_ROWS), rows, strict=False):
            created += 1
            self._next_start = max(self._next_start, now + created * ROW_SECONDS)
            self._next_start += 1 / STARTS_PER_SECOND
            submit = partial(self._submit, round_number=None, shard=None)
            self._schedule(self._next_start + STATE_SECONDS, submit)
        if created == TASK_ROWS:
            next_task = max(now + TASK_ROWS * ROW_SECONDS, self._next_start - ROW_SECONDS)
            self._schedule(next_task, partial(self._create_rows, rows=rows))

    def _submit(self, now: float, *, round_number: int | None, shard: int | None) -> None:
        self.result.transitions[int(now)] += SUBMIT_TRANSITIONS
        self._add_concurrency(now, SUBMIT_SECONDS)
        self._read_shard(now, round_number=round_number, shard=shard, attempts=0)

    def _read_shard(
        self,
        now: float,
        *,
        round_number: int | None,
        shard: int | None,
        attempts: int,
        head_polls: int = 0,
    ) -> None:
        """Read the job's shard, or the shorter of two random shards if the job has none."""
        is_new = shard is None
        if shard is None:
            candidates = self.rng.sample(range(len(self._shards)), min(2, len(self._shards)))
            shard = min(
                candidates,
                key=lambda n: max(self._shards[n].next_at, now) + self._shards[n].seconds,
            )
        decide = partial(
            self._decide,
            round_number=round_number,
            shard=shard,
            attempts=attempts,
            head_polls=head_polls,
            is_new=is_new,
        )
        self._schedule(now + READ_SECONDS * self.rng.uniform(0.7, 1.5), decide)

    def _decide(
        self,
        now: float,
        *,
        round_number: int | None,
        shard: int,
        attempts: int,
        head_polls: int,
        is_new: bool,
    ) -> None:
        """Poll again at the head of the queue, defer, or write the shard."""
        entry = QueueEntry(Priority.LOW, "bench", round_number, self._slot_seconds)
        slot = next_slot(
            ProviderState(), self._shards[shard], self._per_shard, entry, self.kind.median, now
        )
        if slot.is_head and head_polls < HEAD_POLLS:
            self.result.head_polls += 1
            self._add_concurrency(now, HEAD_POLL_SECONDS)
            poll = partial(
                self._read_shard,
                round_number=round_number,
                shard=shard,
                attempts=attempts,
                head_polls=head_polls + 1,
            )
            self._schedule(now + HEAD_POLL_SECONDS, poll)
            return
        if not slot.is_open and round_number is not None:
            self._defer(now, slot.retry_after, round_number, shard)
            return
        commit = partial(
            self._commit,
            slot=slot,
            shard=shard,
            attempts=attempts,
            is_new=is_new,
            read_version=self._versions[shard],
        )
        self._schedule(now + WRITE_SECONDS * self.rng.uniform(0.7, 1.5), commit)

    def _commit(
        self,
        now: float,
        *,
        slot: Slot,
        shard: int,
        attempts: int,
        is_new: bool,
        read_version: int,
    ) -> None:
        """Write the shard if its version is unchanged; otherwise retry, or defer the job."""
        self._count_attempt(now, shard)
        if self._versions[shard] != read_version:
            same_shard = None if is_new else shard
            round_number = slot.entry.round_number
            if attempts + 1 < MAX_TRIES:
                pause = self.rng.uniform(0, max_backoff(attempts))
                retry = partial(
                    self._read_shard,
                    round_number=round_number,
                    shard=same_shard,
                    attempts=attempts + 1,
                )
                self._schedule(now + pause, retry)
            else:
                self._defer(now, 1, round_number, same_shard)
            return
        self.result.writes += 1
        self._versions[shard] += 1
        in_flight = self._shards[shard].in_flight
        if slot.is_open:
            after = slot.acquired()
            self._shards[shard] = after.model_copy(update={"in_flight": after.in_flight + 1})
            self._schedule(max(now, slot.starts_at), partial(self._post, shard=shard))
        else:
            self._shards[shard] = slot.entered.model_copy(update={"in_flight": in_flight})
            self._defer(now, slot.retry_after, slot.round_number, shard)

    def _defer(self, now: float, wait: int, round_number: int | None, shard: int | None) -> None:
        self.result.deferrals += 1
        submit = partial(self._submit, round_number=round_number, shard=shard)
        self._schedule(now + wait + STATE_SECONDS, submit)

    def _post(self, now: float, *, shard: int) -> None:
        """Submit a job to the provider."""
        limit = self.rate_limit.images_per_minute
        if len(self._submitted_at) >= limit and now - self._submitted_at[-limit] < 60 - 1e-9:
            self.result.refused += 1
        self._submitted_at.append(now)
        self._in_flight += 1
        self.result.refused += self._in_flight > self.rate_limit.max_in_flight
        sample = self.rng.randrange(len(self.flight_seconds))
        self.result.samples.append(sample)
        complete = partial(self._complete, shard=shard, sample=sample)
        self._schedule(now + self.flight_seconds[sample], complete)

    def _complete(self, now: float, *, shard: int, sample: int) -> None:
        """Finalize a job whose completion Check has detected."""
        self._in_flight -= 1
        self._add_concurrency(now, FINALIZE_SECONDS)
        start = now - self.check_seconds[sample]
        for second in range(int(start), int(now) + 1):
            overlap = min(now, second + 1) - max(start, second)
            self.result.concurrency_polling[second] += overlap
        self._schedule(now + WRITE_SECONDS, partial(self._release, shard=shard))
        self.result.ended_at = max(self.result.ended_at, now + FINALIZE_SECONDS)

    def _release(self, now: float, *, shard: int) -> None:
        """Release the job's place in flight and end the job."""
        self._count_attempt(now, shard)
        self.result.writes += 1
        self._versions[shard] += 1  # a separate counter in the item, but the same transaction lock
        in_flight = self._shards[shard].in_flight
        self._shards[shard] = self._shards[shard].model_copy(update={"in_flight": in_flight - 1})
        self.result.jobs += 1
        self.result.transitions[int(now)] += END_TRANSITIONS

    def _count_attempt(self, now: float, shard: int) -> None:
        self.result.attempts += 1
        self.result.attempts_at[shard, int(now)] += 1

    def _add_concurrency(self, now: float, seconds: float) -> None:
        self.result.concurrency_polling[int(now)] += seconds
        self.result.concurrency_webhooks[int(now)] += seconds


def _item(shard: QueueShard) -> object:
    return shard.model_dump(mode="json", exclude={"index", "version", "in_flight"})


def earliest_end(rate_limit: RateLimit, flight_seconds: list[float]) -> float:
    """Return when the last job would end, in seconds, if each was sent as soon as allowed."""
    in_flight: list[float] = []
    last = 0.0
    for number, seconds in enumerate(flight_seconds):
        now = number * 60 / rate_limit.images_per_minute
        if len(in_flight) >= rate_limit.max_in_flight:
            now = max(now, heapq.heappop(in_flight))
        heapq.heappush(in_flight, now + seconds)
        last = max(last, now + seconds)
    return last
