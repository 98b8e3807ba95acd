"""The line as pure functions: it keeps the provider's limit, and nobody is left behind."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.submit_queue import AHEAD, Priority, QueueShard, RateLimit, WaitingJobs
from tests.fakes.invariants import digest, waiting

RATES = st.sampled_from([1, 2, 5, 10, 60, 120, 499, 500, 3000])
TIERS = st.builds(RateLimit, RATES, st.integers(1, 3000))
LANES = st.sampled_from(Priority)
LATE = 1.0  # how much later than decided a POST may leave, besides
HAIR = 1e-6


@given(
    rate=RATES,
    steps=st.lists(st.tuples(st.floats(0, 90), LANES, st.floats(0, LATE)), min_size=1, max_size=40),
)
def test_in_any_minute_no_more_leave_than_are_allowed(
    rate: int, steps: list[tuple[float, Priority, float]]
) -> None:
    rate_limit, shard, now, sends = RateLimit(rate, 10_000), QueueShard(), 1e9, list[float]()
    for pause, priority, late in steps:
        now += pause
        for _ in range(rate + 2):  # as many as the line lets out at this moment
            slot = shard.earliest_send(priority, rate_limit, now)
            if slot - now > AHEAD:
                break
            shard = shard.after_send(slot, rate_limit.slot_seconds(0))
            sends.append(max(now, slot) + late)

    sends.sort()
    assert all(
        later - sooner >= 60 - HAIR for sooner, later in zip(sends, sends[rate:], strict=False)
    )


@given(TIERS, LANES)
def test_an_idle_line_sends_at_once_and_the_burst_besides(
    rate_limit: RateLimit, priority: Priority
) -> None:
    shard, now, burst = QueueShard(), 1e9, 0
    while (slot := shard.earliest_send(priority, rate_limit, now)) <= now:
        shard, burst = shard.after_send(slot, rate_limit.slot_seconds(0)), burst + 1

    # A batch job may make up for the second that slots are granted ahead, and for no more.
    most = 1 + 0.5 / rate_limit.slot_seconds(0)
    assert (
        1 <= burst <= most + HAIR
        if priority is Priority.LOW
        else burst >= 1 + rate_limit.burst_reserve
    )


@given(TIERS, st.floats(0.1, 1000))
def test_jobs_that_take_long_are_sent_so_rarely_that_all_find_room(
    rate_limit: RateLimit, seconds: float
) -> None:
    slot_seconds = rate_limit.slot_seconds(seconds)

    assert slot_seconds * rate_limit.max_in_flight >= seconds - HAIR
    assert slot_seconds >= rate_limit.slot_seconds(0)


@given(TIERS, st.floats(0, 1e5), LANES)
def test_a_hold_is_for_everybody_and_never_shortened(
    rate_limit: RateLimit, hold: float, priority: Priority
) -> None:
    now = 1e9
    shard = QueueShard().paused_until(now + hold).paused_until(now + hold / 2)

    assert shard.earliest_send(priority, rate_limit, now) >= now + hold - HAIR
    assert shard.earliest_send(priority, rate_limit, now + hold + 100) <= now + hold + 100


def test_the_lowest_tier_sends_every_half_a_minute() -> None:
    assert RateLimit(2, 2).slot_seconds(0) == pytest.approx(30.75)
    assert RateLimit(2, 2).burst_seconds(Priority.NORMAL) == 0.5


class Model:
    """A lane with, beside it, who really waits in it."""

    def __init__(self) -> None:
        self.queue = WaitingJobs()
        self.there: set[tuple[str, int]] = set()
        self.away: list[tuple[str, int]] = []

    def enter(self, caller: str) -> None:
        self.queue, number = self.queue.enter(caller, 1.0)
        assert (caller, number) not in self.there, "no two jobs of a caller have one place"
        self.there.add((caller, number))

    def first(self) -> tuple[str, int]:
        return min(self.there, key=lambda each: (self.queue.before(*each), each[1]))

    def serve(self, which: int = 0) -> None:
        """Send the first one, or one that is a little later: within the second of slack."""
        if self.there:
            nearest = sorted(self.there, key=lambda each: (self.queue.before(*each), each[1]))
            job = nearest[which % len(nearest)]
            self.there.remove(job)
            self.away.append(job)
            self.queue = self.queue.serve(*job, 1.0)

    def put_back(self, which: int) -> None:
        if self.away:
            job = self.away.pop(which % len(self.away))
            self.there.add(job)
            self.queue = self.queue.put_back(*job, 1.0)

    def leave(self, which: int) -> None:
        if self.there:
            job = sorted(self.there)[which % len(self.there)]
            self.there.remove(job)
            self.queue = self.queue.leave(job[0])


CALLERS = st.sampled_from(["ada", "bob", "cyd"])
ENTER = st.tuples(st.just("enter"), CALLERS)
SERVE = st.tuples(st.just("serve"))
OTHERS = st.tuples(st.sampled_from(["serve", "put_back", "leave"]), st.integers(0, 9))
MOVES = ENTER | SERVE | OTHERS


@given(st.lists(MOVES, max_size=40))
def test_whoever_comes_goes_or_comes_back_somebody_is_always_first(
    moves: list[tuple[str, object]],
) -> None:
    model = Model()
    for name, *arguments in moves:
        getattr(model, name)(*arguments)

        assert waiting(model.queue) == Counter(digest(caller) for caller, _ in model.there)
        assert len(model.queue) == len(model.there)
        if model.there:
            assert model.queue.before(*model.first()) == 0, "a line that nobody is at the head of"


@given(st.lists(ENTER | SERVE, max_size=60))
def test_without_any_that_leave_everybody_knows_how_many_come_before(
    moves: list[tuple[str, object]],
) -> None:
    model = Model()
    for name, *arguments in moves:
        getattr(model, name)(*arguments)

        counts = sorted(model.queue.before(*job) for job in model.there)
        assert counts == list(range(len(model.there)))


@given(st.integers(1, 300), st.integers(0, 299))
def test_a_caller_with_one_job_does_not_wait_behind_anothers_hundreds(
    many: int, served: int
) -> None:
    model = Model()
    for _ in range(many):
        model.enter("ada")
    for _ in range(min(served, many)):
        model.serve()
    model.enter("bob")

    [number] = [number for caller, number in model.there if caller == "bob"]
    assert model.queue.before("bob", number) <= 1


def test_a_caller_that_comes_back_does_not_catch_up_on_the_time_it_was_away() -> None:
    model = Model()
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
        order.append(model.away[-1][0])
    assert Counter(order) == {"ada": 3, "bob": 3}


def test_batch_jobs_come_after_every_interactive_one() -> None:
    shard = QueueShard()
    for priority in (Priority.LOW, Priority.NORMAL):
        queue, number = shard.waiting(priority).enter("ada", 1.0)
        shard = shard.with_waiting(priority, queue)
        assert number == 1

    assert shard.seconds_ahead(Priority.NORMAL, "ada", 1) == 0
    assert shard.seconds_ahead(Priority.LOW, "ada", 1) == 1


def test_the_line_names_no_caller() -> None:
    queue, _ = WaitingJobs().enter("key:ada", 1.0)

    assert "ada" not in QueueShard().with_waiting(Priority.LOW, queue).model_dump_json()
