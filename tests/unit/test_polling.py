"""Properties of the waits between polls, searches and retries."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import polling
from darkroom.domain.durations import ExpectedDuration, published

KINDS = st.sampled_from(
    [
        published({"quality": quality, "resolution": resolution})
        for quality in ("low", "medium", "high")
        for resolution in ("1k", "2k", "4k")
    ]
    + [published({})]
)
SECONDS = st.floats(0, 20_000, allow_nan=False)
REMAINING = st.floats(1, 20_000)


@given(SECONDS, KINDS, st.floats(-1000, 20_000) | st.just(math.inf))
def test_wait_is_at_least_1_whole_second(
    elapsed: float, kind: ExpectedDuration, remaining: float
) -> None:
    for wait in (
        polling.first_wait(elapsed, kind, remaining),
        polling.next_wait(elapsed, remaining),
        polling.webhook_wait(elapsed, kind, remaining),
    ):
        assert isinstance(wait, int)
        assert wait >= 1


@given(SECONDS, KINDS, REMAINING)
def test_wait_exceeds_the_deadline_by_less_than_a_second(
    elapsed: float, kind: ExpectedDuration, remaining: float
) -> None:
    assert polling.first_wait(elapsed, kind, remaining) < remaining + 1
    assert polling.next_wait(elapsed, remaining) < remaining + 1
    assert polling.webhook_wait(elapsed, kind, remaining) < remaining + 1


@given(KINDS)
def test_first_poll_comes_before_nearly_all_jobs_have_completed(kind: ExpectedDuration) -> None:
    log_durations = statistics.NormalDist(
        math.log(kind.median),
        math.log(kind.high / kind.low) / (2 * statistics.NormalDist().inv_cdf(0.95)),
    )

    first = polling.first_wait(0, kind, 3600)

    assert kind.at(-2) < first < kind.median
    assert log_durations.cdf(math.log(first - min(4, kind.median / 10))) < 0.027


@given(KINDS, st.floats(1, 3600))
def test_first_wait_shrinks_by_the_elapsed_time(kind: ExpectedDuration, elapsed: float) -> None:
    wait = polling.first_wait(elapsed, kind, 3600)

    assert wait == max(1, polling.first_wait(0, kind, 3600) - math.ceil(elapsed), wait)
    assert wait + elapsed <= max(elapsed + 1, polling.first_wait(0, kind, 3600) + 1)


@given(KINDS, st.floats(0, 3600), st.floats(0, 3600))
def test_polls_are_frequent_until_the_95th_percentile_then_slow_down(
    kind: ExpectedDuration, first: float, second: float
) -> None:
    earlier, later = sorted((first, second))

    assert 0.25 <= polling.poll_interval(earlier, kind) <= polling.poll_interval(later, kind) <= 30
    if later < kind.high:
        assert polling.poll_interval(later, kind) <= 1.25
    else:
        assert polling.poll_interval(later, kind) <= max(1.25, later * 0.15)


@given(st.floats(0, 3600), st.floats(0, 3600))
def test_waits_between_checks_grow_up_to_30_seconds(time: float, other_time: float) -> None:
    earlier, later = sorted((time, other_time))
    first, second = polling.next_wait(earlier, math.inf), polling.next_wait(later, math.inf)

    assert first <= second <= 30
    assert second <= 1 + later * 0.15


@given(KINDS, st.floats(0, 3600))
def test_webhook_wait_ends_after_the_95th_percentile(
    kind: ExpectedDuration, elapsed: float
) -> None:
    wait = polling.webhook_wait(elapsed, kind, math.inf)

    assert wait + elapsed >= kind.high
    assert wait >= 30


@given(KINDS, st.integers(30, 3600))
def test_lost_webhooks_cost_at_most_18_polls(kind: ExpectedDuration, deadline: int) -> None:
    elapsed, polls = 0, 0
    while elapsed < deadline:
        elapsed += polling.webhook_wait(elapsed, kind, deadline - elapsed)
        polls += 1

    assert elapsed == deadline
    assert polls <= 18


@given(st.floats(0.001, 10))
def test_duration_scale_multiplies_the_first_wait(scale: float) -> None:
    model_input = {"quality": "low", "resolution": "1k"}
    scaled = published(model_input, scale)

    assert scaled.median == pytest.approx(published(model_input).median * scale)
    assert polling.first_wait(0, scaled, math.inf) <= max(1, scaled.median)


@given(st.integers(1, 10_000))
def test_unreadable_wait_grows_up_to_30_seconds(in_a_row: int) -> None:
    wait = polling.unreadable_wait(in_a_row)

    assert 1 <= wait <= 30
    assert wait <= polling.unreadable_wait(in_a_row + 1)


def test_unreadable_waits_add_up_to_2_to_10_minutes() -> None:
    waits = [polling.unreadable_wait(n + 1) for n in range(polling.MAX_UNREADABLE - 1)]

    assert 120 <= sum(waits) <= 600


@given(st.integers(1, 10_000))
def test_unsent_submit_is_retried_after_5_to_120_seconds(attempts: int) -> None:
    wait = polling.unsent_wait(attempts)

    assert 5 <= wait <= polling.unsent_wait(attempts + 1) <= 120


@given(st.integers(0, 10_000))
def test_retry_after_is_honoured_for_at_most_an_hour(retry_after: int) -> None:
    assert polling.throttled_wait(retry_after) == max(1, min(retry_after, 3600))


def test_throttled_wait_without_retry_after_is_a_minute() -> None:
    assert polling.throttled_wait(None) == 60


@given(st.floats(0.1, 2), st.booleans())
def test_search_lasts_2_minutes_with_a_readable_list_and_10_without(
    scale: float, was_read: bool
) -> None:
    searched = 0
    while (wait := polling.search_wait(searched, scale, was_read=was_read)) is not None:
        searched += wait

    limit = (120 if was_read else 600) * scale
    assert limit - 1e-6 <= searched < limit + max(1, 15 * scale) + 0.5


@given(st.integers(1, 120))
def test_a_day_in_the_queue_stays_below_the_execution_history_limit(
    wait: int,
) -> None:
    waited = deferrals = 0
    while waited < 86_400:
        waited += polling.deferral_wait(wait, deferrals)
        deferrals += 1

    assert deferrals * 9 < 25_000 - 2_000  # the remaining events are for the later states


@given(st.integers(1, 100_000), st.integers(0, 29))
def test_first_30_deferrals_are_not_lengthened(wait: int, deferrals: int) -> None:
    assert polling.deferral_wait(wait, deferrals) == wait
