"""AcquireSlot under load: rate limit, order, fairness and waiting time of the submit queue."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.durations import published
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import AHEAD, Priority, RateLimit
from tests.fakes.traffic import Arrival, SentPost, Traffic
from tests.profiles import examples

TOLERANCE = 1e-6
RATE_LIMITS = st.builds(
    RateLimit, st.sampled_from([1, 2, 5, 10, 30, 60, 100, 500]), st.sampled_from([1, 2, 3, 10, 100])
)
# The in-flight limit is so high that no job waits for a free slot.
UNBOUNDED_RATE_LIMITS = st.builds(
    RateLimit, st.sampled_from([1, 2, 5, 10, 30, 60, 100, 500]), st.just(10_000)
)
# Bursts: many jobs at one time, then a pause.
TENTHS = st.integers(0, 3000).map(lambda tenths: tenths / 10)
ARRIVAL_TIMES = st.sampled_from([0.0, 0.0, 0.0, 1.0, 7.5, 60.0, 300.0]) | TENTHS
PRIORITIES = st.sampled_from(Priority)
KINDS = st.sampled_from([("low", "1k"), ("medium", "1k"), ("high", "4k")])


def arrivals(kinds: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[list[Arrival]]:
    arrival = st.builds(
        Arrival, ARRIVAL_TIMES, st.sampled_from("abcd"), PRIORITIES, st.none(), kinds
    )
    groups = st.lists(st.tuples(arrival, st.integers(1, 15)), min_size=1, max_size=6)
    return groups.map(lambda groups: [arrival for arrival, times in groups for _ in range(times)])


EQUAL_ARRIVALS = arrivals(st.just(("medium", "1k")))


def slot_seconds(traffic: Traffic) -> float:
    return traffic.rate_limit.slot_seconds(34.65)


def gaps(sent: list[SentPost], distance: int = 1) -> list[float]:
    return [second.at - first.at for first, second in zip(sent, sent[distance:], strict=False)]


@given(
    RATE_LIMITS,
    arrivals(KINDS),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.none() | st.floats(1, 90),
)
def test_rate_and_in_flight_limits_hold_with_late_wakeups(
    rate_limit: RateLimit,
    jobs: list[Arrival],
    random: Random,
    is_late: bool,
    in_flight_seconds: float | None,
) -> None:
    """Fast and slow jobs in one queue, whose functions and POSTs may be late."""

    def delay() -> float:
        return random.random() if is_late else 0.0

    traffic = Traffic(
        rate_limit, in_flight_seconds=in_flight_seconds, wake_delay=delay, send_delay=delay
    )

    sent = traffic.run(jobs)

    assert len(sent) == len(jobs)
    assert all(gap >= 60 - TOLERANCE for gap in gaps(sent, rate_limit.images_per_minute))
    assert 1 <= traffic.peak_in_flight <= rate_limit.max_in_flight


def test_burst_of_a_high_rate_limit_stays_within_the_limit() -> None:
    traffic = Traffic(RateLimit(500, 10_000))

    sent = traffic.run([*[Arrival(0.0)] * 30, *[Arrival(100.0)] * 700])

    assert all(gap >= 60 - TOLERANCE for gap in gaps(sent, 500))
    assert sum(100 <= post.at < 100.2 for post in sent) > 500 / 50, "the burst is used"


def test_high_rate_limit_spreads_jobs_evenly_over_queue_shards() -> None:
    rate_limit, in_flight_seconds = RateLimit(1500, 1000), 20.0
    traffic = Traffic(rate_limit, in_flight_seconds=in_flight_seconds)

    sent = traffic.run([Arrival(n / 300, caller=f"caller {n % 3}") for n in range(1800)])

    jobs_per_shard = Counter(job.queue_shard for job in traffic.world.jobs.records.values())
    assert jobs_per_shard.keys() == {0, 1, 2}
    assert max(jobs_per_shard.values()) - min(jobs_per_shard.values()) < 30
    assert all(gap >= 60 - TOLERANCE for gap in gaps(sent, rate_limit.images_per_minute))
    assert traffic.peak_in_flight <= rate_limit.max_in_flight
    assert sent[-1].at < 72 * 1.06, "the shards together use nearly the whole rate limit"


@given(st.integers(1, 100_000), st.integers(1, 10_000))
def test_per_shard_limits_add_up_to_at_most_the_rate_limit(images: int, in_flight: int) -> None:
    rate_limit = RateLimit(images, in_flight)

    assert rate_limit.shards >= 1
    assert rate_limit.per_shard.images_per_minute * rate_limit.shards <= images
    assert 1 <= rate_limit.per_shard.max_in_flight * rate_limit.shards <= in_flight
    if images <= 600:
        assert rate_limit.per_shard == rate_limit


@given(UNBOUNDED_RATE_LIMITS, EQUAL_ARRIVALS)
def test_jobs_of_one_caller_are_sent_by_priority_and_order_of_arrival(
    rate_limit: RateLimit, jobs: list[Arrival]
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run(jobs)

    slack = 1 + slot_seconds(traffic) if slot_seconds(traffic) < 1 else TOLERANCE
    for second in sent:
        for first in sent:
            ahead, behind = first.arrival, second.arrival
            if (ahead.priority, behind.priority) == (Priority.NORMAL, Priority.LOW):
                is_ahead = ahead.at < second.decided_at  # of any caller
            else:
                is_same = (ahead.caller, ahead.priority) == (behind.caller, behind.priority)
                is_ahead = is_same and ahead.at < behind.at
            assert not is_ahead or first.at <= second.at + slack


@given(UNBOUNDED_RATE_LIMITS, st.integers(1, 3), st.integers(10, 20), TENTHS, PRIORITIES)
def test_single_job_waits_at_most_two_rounds_of_the_other_callers(
    rate_limit: RateLimit, other_callers: int, jobs_each: int, at: float, priority: Priority
) -> None:
    crowd = [
        Arrival(0.0, f"crowd-{n}", priority) for n in range(other_callers) for _ in range(jobs_each)
    ]
    traffic = Traffic(rate_limit)

    sent = traffic.run([*crowd, Arrival(at, "single", priority)], until=4_000)

    [single] = [post for post in sent if post.arrival.caller == "single"]
    # In the worst case the job arrives in the middle of a round and gets the last slot of the next
    # one. Waits are whole seconds: among slots within one second, the first to try is sent first.
    assert single.at - at <= 2 * other_callers * slot_seconds(traffic) + 1 + AHEAD


@given(UNBOUNDED_RATE_LIMITS, EQUAL_ARRIVALS)
def test_queue_sends_continuously_while_jobs_wait(
    rate_limit: RateLimit, jobs: list[Arrival]
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run(jobs)

    arrival_times = sorted(post.arrival.at for post in sent)
    for number, (post, gap) in enumerate(zip(sent, gaps(sent), strict=False), start=1):
        if arrival_times[number] <= post.at:  # more jobs have arrived than were sent
            assert gap <= slot_seconds(traffic) + 1


@pytest.mark.parametrize("rate_limit", [RateLimit(2, 2), RateLimit(10, 3), RateLimit(100, 10)])
def test_slow_job_behind_fast_jobs_waits_for_their_shorter_slots(
    rate_limit: RateLimit,
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run([*[Arrival(kind=("low", "1k"))] * 20, Arrival(kind=("high", "4k"))])

    slow_slot = rate_limit.slot_seconds(published(sent[-1].arrival.input).median)
    assert max(gaps(sent)) <= slow_slot + 10


@given(RATE_LIMITS, st.lists(st.integers(0, 30_000), min_size=1, max_size=20))
def test_job_on_an_idle_queue_is_sent_immediately(rate_limit: RateLimit, times: list[int]) -> None:
    traffic = Traffic(rate_limit, in_flight_seconds=1)

    sent = traffic.run(Arrival(time) for time in times)

    previous = -1e9
    for post in sent:
        if post.arrival.at - previous > max(slot_seconds(traffic), 1):
            assert (post.at, post.deferrals) == (post.arrival.at, 0)
        previous = post.at


@given(UNBOUNDED_RATE_LIMITS, st.integers(1, 4), st.integers(1, 30))
def test_deferrals_of_a_job_do_not_exceed_the_number_of_callers(
    rate_limit: RateLimit, callers: int, jobs_each: int
) -> None:
    jobs = [Arrival(0.0, f"caller-{n}") for _ in range(jobs_each) for n in range(callers)]

    sent = Traffic(rate_limit).run(jobs)

    assert max(post.deferrals for post in sent) <= callers


@pytest.mark.parametrize("retry_after", [5, 60, 600])
def test_429_pauses_every_job_and_keeps_the_queue_order(retry_after: int) -> None:
    rate_limit = RateLimit(10, 10_000)
    traffic = Traffic(rate_limit, throttled={3: retry_after})

    sent = traffic.run([Arrival()] * 8)

    assert [post.number for post in sent] == list(range(8))
    paused_at = 2 * rate_limit.slot_seconds(0)
    assert all(post.at >= paused_at + retry_after - 1 - TOLERANCE for post in sent[2:])
    assert sent[2].at <= paused_at + retry_after + rate_limit.slot_seconds(0) + 1
    assert max(gaps(sent[2:])) <= rate_limit.slot_seconds(0) + 1


def test_two_throttled_jobs_return_to_their_queue_positions() -> None:
    traffic = Traffic(RateLimit(10, 10), throttled={1: 60, 2: 60}, throttle_delay=lambda: 20)

    sent = traffic.run([Arrival()] * 2, until=3600)

    assert [post.number for post in sent] == [0, 1]


@settings(max_examples=examples(25))
@given(
    RATE_LIMITS,
    EQUAL_ARRIVALS,
    st.dictionaries(st.integers(1, 30), st.integers(1, 120), max_size=6),
    st.dictionaries(st.integers(0, 30), st.integers(0, 120), max_size=6),
    st.randoms(use_true_random=False),
)
def test_every_job_is_sent_or_canceled_despite_throttling_and_cancels(
    rate_limit: RateLimit,
    jobs: list[Arrival],
    throttled: dict[int, int],
    cancel_after: dict[int, int],
    random: Random,
) -> None:
    jobs = [replace(job, cancel_after=cancel_after.get(number)) for number, job in enumerate(jobs)]
    traffic = Traffic(
        rate_limit,
        wake_delay=random.random,
        throttle_delay=lambda: 40 * random.random(),
        throttled=throttled,
    )

    sent = traffic.run(jobs, until=100_000)

    canceled = {
        number
        for number in range(len(jobs))
        if traffic.world.job(f"{number:026}").code is Code.CANCELED
    }
    assert {post.number for post in sent} | canceled == set(range(len(jobs)))
    assert not {post.number for post in sent} & canceled
    assert traffic.world.jobs.queue.shard.in_flight == 0
