"""The submit queue as pure functions: rate limit, order and fairness."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.breaker import ProviderState
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import (
    AHEAD,
    Priority,
    QueueEntry,
    QueueShard,
    RateLimit,
    Slot,
    WaitingJobs,
    next_slot,
)
from tests.fakes.invariants import caller_digest, waiting_counts

RATES = st.sampled_from([1, 2, 5, 10, 60, 120, 499, 500, 3000])
RATE_LIMITS = st.builds(RateLimit, RATES, st.integers(1, 3000))
PRIORITIES = st.sampled_from(Priority)
MAX_SEND_DELAY = 1.0  # seconds by which a POST may be later than its slot
TOLERANCE = 1e-6


def slot_of(
    shard: QueueShard,
    provider: ProviderState,
    rate_limit: RateLimit,
    priority: Priority,
    *,
    now: float,
) -> Slot:
    """Return the slot of a new job with slots of one second."""
    entry = QueueEntry(priority, "ada", None, 1.0)
    return next_slot(provider, shard, rate_limit, entry, 30.0, now)


@given(
    rate=RATES,
    steps=st.lists(
        st.tuples(st.floats(0, 90), PRIORITIES, st.floats(0, MAX_SEND_DELAY)),
        min_size=1,
        max_size=40,
    ),
)
def test_posts_in_any_minute_do_not_exceed_the_rate_limit(
    rate: int, steps: list[tuple[float, Priority, float]]
) -> None:
    rate_limit, shard, now, sends = RateLimit(rate, 10_000), QueueShard(), 1e9, list[float]()
    for pause, priority, delay in steps:
        now += pause
        for _ in range(rate + 2):  # all slots that are open at this time
            slot = shard.earliest_send(priority, rate_limit, now)
            if slot - now > AHEAD:
                break
            shard = shard.after_send(slot, rate_limit.slot_seconds(0))
            sends.append(max(now, slot) + delay)

    sends.sort()
    assert all(
        second - first >= 60 - TOLERANCE for first, second in zip(sends, sends[rate:], strict=False)
    )


@given(RATE_LIMITS, PRIORITIES)
def test_idle_queue_sends_a_burst_immediately(rate_limit: RateLimit, priority: Priority) -> None:
    shard, now, burst = QueueShard(), 1e9, 0
    while (slot := shard.earliest_send(priority, rate_limit, now)) <= now:
        shard, burst = shard.after_send(slot, rate_limit.slot_seconds(0)), burst + 1

    # Slots are granted up to 1 s ahead; the burst of low-priority jobs is limited to that second.
    max_low_burst = 1 + 0.5 / rate_limit.slot_seconds(0)
    assert (
        1 <= burst <= max_low_burst + TOLERANCE
        if priority is Priority.LOW
        else burst >= 1 + rate_limit.burst_reserve
    )


@given(RATE_LIMITS, st.floats(0.1, 1000))
def test_slot_seconds_keep_long_jobs_below_the_in_flight_limit(
    rate_limit: RateLimit, seconds: float
) -> None:
    slot_seconds = rate_limit.slot_seconds(seconds)

    assert slot_seconds * rate_limit.max_in_flight >= seconds - TOLERANCE
    assert slot_seconds >= rate_limit.slot_seconds(0)


@given(RATE_LIMITS, st.integers(1, 10**5), PRIORITIES)
def test_pause_delays_the_slot_of_every_job(
    rate_limit: RateLimit, pause: int, priority: Priority
) -> None:
    now = 1e9
    provider = ProviderState().paused(now + pause)

    slot = slot_of(QueueShard(), provider, rate_limit, priority, now=now)
    assert (slot.starts_at, slot.wait_seconds) == (now + pause, pause)
    assert slot.is_open == (pause <= AHEAD)
    assert slot.acquired().next_at == pytest.approx(now + pause + 1)
    assert slot_of(QueueShard(), provider, rate_limit, priority, now=now + pause).is_open


@given(RATE_LIMITS, PRIORITIES)
def test_slot_of_a_probe_starts_when_the_open_period_ends(
    rate_limit: RateLimit, priority: Priority
) -> None:
    now = 1e9
    provider = ProviderState(trips=1, open_until=now, reason=Code.UNAUTHORIZED)

    early = slot_of(QueueShard(), provider, rate_limit, priority, now=now - AHEAD)
    assert (early.is_open, early.starts_at) == (True, now)
    assert early.blocked_by is Code.UNAUTHORIZED
    assert not slot_of(QueueShard(), provider, rate_limit, priority, now=now - AHEAD - 0.1).is_open


def test_rate_limit_of_2_per_minute_has_slots_of_30_75_seconds() -> None:
    assert RateLimit(2, 2).slot_seconds(0) == pytest.approx(30.75)
    assert RateLimit(2, 2).burst_seconds(Priority.NORMAL) == 0.5


class QueueModel:
    """The waiting jobs of a queue shard, with a reference set of the jobs that wait."""

    def __init__(self) -> None:
        self.queue = WaitingJobs()
        self.waiting: set[tuple[str, int]] = set()
        self.sent: list[tuple[str, int]] = []

    def enter(self, caller: str) -> None:
        self.queue, number = self.queue.enter(caller, 1.0)
        assert (caller, number) not in self.waiting, (
            "two jobs of a caller never have the same position"
        )
        self.waiting.add((caller, number))

    def first(self) -> tuple[str, int]:
        return min(self.waiting, key=lambda job: (self.queue.before(*job), job[1]))

    def serve(self, index: int = 0) -> None:
        """Send the head of the queue, or a later job within the second of slack."""
        if self.waiting:
            nearest = sorted(self.waiting, key=lambda job: (self.queue.before(*job), job[1]))
            job = nearest[index % len(nearest)]
            self.waiting.remove(job)
            self.sent.append(job)
            self.queue = self.queue.serve(*job, 1.0)

    def put_back(self, index: int) -> None:
        if self.sent:
            job = self.sent.pop(index % len(self.sent))
            self.waiting.add(job)
            self.queue = self.queue.put_back(*job, 1.0)

    def leave(self, index: int) -> None:
        if self.waiting:
            job = sorted(self.waiting)[index % len(self.waiting)]
            self.waiting.remove(job)
            self.queue = self.queue.leave(job[0])


CALLERS = st.sampled_from(["ada", "bob", "cyd"])
ENTER = st.tuples(st.just("enter"), CALLERS)
SERVE = st.tuples(st.just("serve"))
OTHERS = st.tuples(st.sampled_from(["serve", "put_back", "leave"]), st.integers(0, 9))
MOVES = ENTER | SERVE | OTHERS


@given(st.lists(MOVES, max_size=40))
def test_queue_always_has_a_head_and_counts_its_jobs(
    moves: list[tuple[str, object]],
) -> None:
    model = QueueModel()
    for name, *arguments in moves:
        getattr(model, name)(*arguments)

        assert waiting_counts(model.queue) == Counter(
            caller_digest(caller) for caller, _ in model.waiting
        )
        assert len(model.queue) == len(model.waiting)
        if model.waiting:
            assert model.queue.before(*model.first()) == 0, "a non-empty queue has a head"


@given(st.lists(ENTER | SERVE, max_size=60))
def test_before_counts_the_jobs_ahead_when_none_leave(
    moves: list[tuple[str, object]],
) -> None:
    model = QueueModel()
    for name, *arguments in moves:
        getattr(model, name)(*arguments)

        counts = sorted(model.queue.before(*job) for job in model.waiting)
        assert counts == list(range(len(model.waiting)))


@given(st.integers(1, 300), st.integers(0, 299))
def test_single_job_has_at_most_one_job_of_a_busy_caller_ahead(jobs: int, served: int) -> None:
    model = QueueModel()
    for _ in range(jobs):
        model.enter("ada")
    for _ in range(min(served, jobs)):
        model.serve()
    model.enter("bob")

    [number] = [number for caller, number in model.waiting if caller == "bob"]
    assert model.queue.before("bob", number) <= 1


def test_returning_caller_gets_no_credit_for_its_absence() -> None:
    model = QueueModel()
    model.enter("bob")
    for _ in range(10):
        model.enter("ada")
    for _ in range(8):
        model.serve()
    for _ in range(10):
        model.enter("bob")

    order = []
    for _ in range(6):
        model.serve()
        order.append(model.sent[-1][0])
    assert Counter(order) == {"ada": 3, "bob": 3}


def test_low_priority_jobs_come_after_normal_jobs() -> None:
    shard = QueueShard()
    for priority in (Priority.LOW, Priority.NORMAL):
        queue, number = shard.waiting(priority).enter("ada", 1.0)
        shard = shard.with_waiting(priority, queue)
        assert number == 1

    assert shard.seconds_ahead(Priority.NORMAL, "ada", 1) == 0
    assert shard.seconds_ahead(Priority.LOW, "ada", 1) == 1


def test_queue_shard_contains_no_caller_name() -> None:
    queue, _ = WaitingJobs().enter("key:ada", 1.0)

    assert "ada" not in QueueShard().with_waiting(Priority.LOW, queue).model_dump_json()
