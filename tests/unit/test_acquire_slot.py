"""AdmitJob, with many jobs at one line: never too many, in order, fair, and no longer than said."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.durations import published
from darkroom.domain.errors import Code
from darkroom.domain.submit_queue import AHEAD, Priority, RateLimit
from tests.fakes.traffic import Arrival, Sent, Traffic

HAIR = 1e-6
TIERS = st.builds(
    RateLimit, st.sampled_from([1, 2, 5, 10, 30, 60, 100, 500]), st.sampled_from([1, 2, 3, 10, 100])
)
# So many in flight that nobody ever waits for room.
OPEN_TIERS = st.builds(RateLimit, st.sampled_from([1, 2, 5, 10, 30, 60, 100, 500]), st.just(10_000))
# Bursts: many at once, then a pause.
TENTHS = st.integers(0, 3000).map(lambda tenths: tenths / 10)
MOMENTS = st.sampled_from([0.0, 0.0, 0.0, 1.0, 7.5, 60.0, 300.0]) | TENTHS
LANES = st.sampled_from(Priority)
KINDS = st.sampled_from([("low", "1k"), ("medium", "1k"), ("high", "4k")])


def arrivals(
    callers: str = "abcd", lanes: st.SearchStrategy[Priority] = LANES
) -> st.SearchStrategy[list[Arrival]]:
    one = st.builds(Arrival, MOMENTS, st.sampled_from(callers), lanes)
    groups = st.lists(st.tuples(one, st.integers(1, 15)), min_size=1, max_size=6)
    return groups.map(lambda found: [each for each, times in found for _ in range(times)])


def interval(traffic: Traffic) -> float:
    return traffic.rate_limit.slot_seconds(34.65)


def gaps(sent: list[Sent], apart: int = 1) -> list[float]:
    return [later.at - sooner.at for sooner, later in zip(sent, sent[apart:], strict=False)]


@given(TIERS, arrivals(), st.randoms(use_true_random=False), st.booleans(), st.floats(1, 90))
def test_never_more_in_a_minute_or_in_flight_than_allowed_however_late_the_wakes(
    rate_limit: RateLimit, jobs: list[Arrival], random: Random, late: bool, takes: float
) -> None:
    def by() -> float:
        return random.random() if late else 0.0

    traffic = Traffic(rate_limit, takes=takes, wakes_late=by, sends_late=by)

    sent = traffic.run(jobs)

    assert len(sent) == len(jobs)
    assert all(gap >= 60 - HAIR for gap in gaps(sent, rate_limit.images_per_minute))
    assert 1 <= traffic.most_in_flight <= rate_limit.max_in_flight


def test_a_full_burst_of_a_large_tier_keeps_the_limit_too() -> None:
    traffic = Traffic(RateLimit(500, 10_000))

    sent = traffic.run([*[Arrival(0.0)] * 30, *[Arrival(100.0)] * 700])

    assert all(gap >= 60 - HAIR for gap in gaps(sent, 500))
    assert sum(100 <= each.at < 100.2 for each in sent) > 500 / 50, "the burst is used"


def test_the_jobs_of_a_fast_account_stand_in_several_lines_evenly() -> None:
    rate_limit, takes = RateLimit(1500, 1000), 20.0
    traffic = Traffic(rate_limit, takes=takes)

    sent = traffic.run([Arrival(n / 300, caller=f"caller {n % 3}") for n in range(3000)])

    stood = Counter(job.queue_shard for job in traffic.world.jobs.records.values())
    assert stood.keys() == {0, 1, 2}
    assert max(stood.values()) - min(stood.values()) < 30
    assert all(gap >= 60 - HAIR for gap in gaps(sent, rate_limit.images_per_minute))
    assert traffic.most_in_flight <= rate_limit.max_in_flight
    assert sent[-1].at < 120 * 1.06, "together they send nearly what the provider allows"


@given(st.integers(1, 100_000), st.integers(1, 10_000))
def test_the_shares_of_all_lines_are_no_more_than_is_allowed(images: int, flying: int) -> None:
    rate_limit = RateLimit(images, flying)

    assert rate_limit.shards >= 1
    assert rate_limit.per_shard.images_per_minute * rate_limit.shards <= images
    assert 1 <= rate_limit.per_shard.max_in_flight * rate_limit.shards <= flying
    if images <= 600:
        assert rate_limit.per_shard == rate_limit


@given(OPEN_TIERS, arrivals())
def test_of_a_caller_and_lane_the_first_to_come_is_the_first_to_go(
    rate_limit: RateLimit, jobs: list[Arrival]
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run(jobs)

    slack = 1 + interval(traffic) if interval(traffic) < 1 else HAIR
    for later in sent:
        for sooner in sent:
            same = (sooner.arrival.caller, sooner.arrival.priority) == (
                later.arrival.caller,
                later.arrival.priority,
            )
            if same and sooner.arrival.at < later.arrival.at:
                assert sooner.at <= later.at + slack


@given(OPEN_TIERS, st.integers(1, 3), st.integers(10, 20), TENTHS, LANES)
def test_one_job_waits_for_a_round_and_not_for_the_hundreds_of_others(
    rate_limit: RateLimit, others: int, each: int, at: float, priority: Priority
) -> None:
    crowd = [Arrival(0.0, f"crowd-{n}", priority) for n in range(others) for _ in range(each)]
    traffic = Traffic(rate_limit)

    sent = traffic.run([*crowd, Arrival(at, "one", priority)], until=4_000)

    [one] = [found for found in sent if found.arrival.caller == "one"]
    # At the worst it comes in the middle of a round, and has the last turn of the next one. Waits
    # are whole seconds, and of those whose turn comes within a second whoever asks goes first.
    assert one.at - at <= 2 * others * interval(traffic) + 1 + AHEAD


@given(OPEN_TIERS, arrivals())
def test_a_batch_job_goes_when_no_interactive_one_waits(
    rate_limit: RateLimit, jobs: list[Arrival]
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run(jobs)

    slack = 1 + interval(traffic) if interval(traffic) < 1 else HAIR
    for batch in (found for found in sent if found.arrival.priority is Priority.LOW):
        for other in (found for found in sent if found.arrival.priority is Priority.NORMAL):
            if other.arrival.at < batch.decided_at:
                assert other.at <= batch.at + slack


@given(OPEN_TIERS, arrivals())
def test_while_somebody_waits_the_line_does_not_stand_still(
    rate_limit: RateLimit, jobs: list[Arrival]
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run(jobs)

    came = sorted(found.arrival.at for found in sent)
    for number, (sooner, gap) in enumerate(zip(sent, gaps(sent), strict=False), start=1):
        if came[number] <= sooner.at:  # more have come than were sent
            assert gap <= interval(traffic) + 1


@given(OPEN_TIERS | TIERS, st.lists(KINDS, min_size=2, max_size=40))
def test_quick_and_slow_jobs_in_one_line_keep_it_within_its_limits(
    rate_limit: RateLimit, kinds: list[tuple[str, str]]
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run([Arrival(kind=kind) for kind in kinds], until=100_000)

    assert len(sent) == len(kinds)
    assert all(gap >= 60 - HAIR for gap in gaps(sent, rate_limit.images_per_minute))
    assert traffic.most_in_flight <= rate_limit.max_in_flight


@pytest.mark.parametrize("rate_limit", [RateLimit(2, 2), RateLimit(10, 3), RateLimit(100, 10)])
def test_a_slow_job_behind_quick_ones_does_not_wait_as_if_they_were_slow(
    rate_limit: RateLimit,
) -> None:
    traffic = Traffic(rate_limit)

    sent = traffic.run([*[Arrival(kind=("low", "1k"))] * 20, Arrival(kind=("high", "4k"))])

    slow = rate_limit.slot_seconds(published(sent[-1].arrival.input).median)
    assert max(gaps(sent)) <= slow + 10


@given(TIERS, st.lists(st.integers(0, 30_000), min_size=1, max_size=20))
def test_who_comes_to_an_idle_line_goes_at_once(rate_limit: RateLimit, moments: list[int]) -> None:
    traffic = Traffic(rate_limit, takes=1)

    sent = traffic.run(Arrival(moment) for moment in moments)

    ahead = -1e9
    for found in sent:
        if found.arrival.at - ahead > max(interval(traffic), 1):
            assert (found.at, found.deferrals) == (found.arrival.at, 0)
        ahead = found.at


@given(OPEN_TIERS, arrivals(callers="a", lanes=st.just(Priority.LOW)))
def test_without_newcomers_ahead_a_job_waits_once(
    rate_limit: RateLimit, jobs: list[Arrival]
) -> None:
    sent = Traffic(rate_limit).run(jobs)

    assert max(found.deferrals for found in sent) <= 1


@given(OPEN_TIERS, st.integers(1, 4), st.integers(1, 30))
def test_several_callers_at_once_wait_as_often_as_somebody_gets_ahead(
    rate_limit: RateLimit, callers: int, each: int
) -> None:
    jobs = [Arrival(0.0, f"caller-{n}") for _ in range(each) for n in range(callers)]

    sent = Traffic(rate_limit).run(jobs)

    assert max(found.deferrals for found in sent) <= callers


@pytest.mark.parametrize("said", [5, 60, 600])
def test_a_429_holds_everybody_and_its_job_keeps_its_place(said: int) -> None:
    rate_limit = RateLimit(10, 10_000)
    traffic = Traffic(rate_limit, throttled={3: said})

    sent = traffic.run([Arrival()] * 8)

    assert [found.number for found in sent] == list(range(8))
    held_at = 2 * rate_limit.slot_seconds(0)
    assert all(found.at >= held_at + said - 1 - HAIR for found in sent[2:])
    assert sent[2].at <= held_at + said + rate_limit.slot_seconds(0) + 1
    assert max(gaps(sent[2:])) <= rate_limit.slot_seconds(0) + 1


def test_two_jobs_that_are_put_off_at_once_come_back_to_their_places() -> None:
    traffic = Traffic(RateLimit(10, 10), throttled={1: 60, 2: 60}, answers_late=lambda: 20)

    sent = traffic.run([Arrival()] * 2, until=3600)

    assert [found.number for found in sent] == [0, 1]


@pytest.mark.parametrize("which", range(4))
def test_who_leaves_the_line_does_not_keep_those_behind(which: int) -> None:
    jobs = [Arrival(gone_after=5.0 if number == which else None) for number in range(5)]
    traffic = Traffic(RateLimit(2, 10))

    sent = traffic.run(jobs, until=3600)

    stays = [number for number in range(5) if number != which or which == 0]  # the first is sent
    assert [found.number for found in sent] == stays


@settings(max_examples=100)
@given(
    TIERS,
    arrivals(),
    st.dictionaries(st.integers(1, 30), st.integers(1, 120), max_size=6),
    st.dictionaries(st.integers(0, 30), st.integers(0, 120), max_size=6),
    st.randoms(use_true_random=False),
)
def test_whatever_is_put_off_or_canceled_everybody_else_is_sent_in_the_end(
    rate_limit: RateLimit,
    jobs: list[Arrival],
    throttled: dict[int, int],
    canceled: dict[int, int],
    random: Random,
) -> None:
    jobs = [replace(job, gone_after=canceled.get(number)) for number, job in enumerate(jobs)]
    traffic = Traffic(
        rate_limit,
        wakes_late=random.random,
        answers_late=lambda: 40 * random.random(),
        throttled=throttled,
    )

    sent = traffic.run(jobs, until=100_000)

    gone = {
        number
        for number in range(len(jobs))
        if traffic.world.job(f"{number:026}").code is Code.CANCELED
    }
    assert {found.number for found in sent} | gone == set(range(len(jobs)))
    assert not {found.number for found in sent} & gone
    assert traffic.world.jobs.queue.shard.in_flight == 0
