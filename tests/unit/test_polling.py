"""When to look again: properties of the waits."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import polling
from darkroom.domain.durations import Expected, published

KINDS = st.sampled_from(
    [
        published({"quality": quality, "resolution": resolution})
        for quality in ("low", "medium", "high")
        for resolution in ("1k", "2k", "4k")
    ]
    + [published({})]
)
SECONDS = st.floats(0, 20_000, allow_nan=False)
LEFT = st.floats(1, 20_000)


@given(SECONDS, KINDS, st.floats(-1000, 20_000) | st.just(math.inf))
def test_a_wait_is_whole_seconds_from_1(elapsed: float, kind: Expected, left: float) -> None:
    for wait in (
        polling.first_wait(elapsed, kind, left),
        polling.next_wait(elapsed, left),
        polling.webhook_wait(elapsed, kind, left),
    ):
        assert isinstance(wait, int)
        assert wait >= 1


@given(SECONDS, KINDS, LEFT)
def test_a_wait_never_goes_a_second_beyond_the_deadline(
    elapsed: float, kind: Expected, left: float
) -> None:
    assert polling.first_wait(elapsed, kind, left) < left + 1
    assert polling.next_wait(elapsed, left) < left + 1
    assert polling.webhook_wait(elapsed, kind, left) < left + 1


@given(KINDS)
def test_few_jobs_are_done_before_the_first_look_and_they_wait_for_seconds(kind: Expected) -> None:
    logarithms = statistics.NormalDist(
        math.log(kind.median),
        math.log(kind.high / kind.low) / (2 * statistics.NormalDist().inv_cdf(0.95)),
    )

    first = polling.first_wait(0, kind, 3600)

    assert kind.at(-2) < first < kind.median
    assert logarithms.cdf(math.log(first - min(4, kind.median / 10))) < 0.027


@given(KINDS, st.floats(1, 3600))
def test_a_first_look_that_comes_late_is_not_put_off(kind: Expected, elapsed: float) -> None:
    wait = polling.first_wait(elapsed, kind, 3600)

    assert wait == max(1, polling.first_wait(0, kind, 3600) - math.ceil(elapsed), wait)
    assert wait + elapsed <= max(elapsed + 1, polling.first_wait(0, kind, 3600) + 1)


@given(KINDS, st.floats(0, 3600), st.floats(0, 3600))
def test_looks_are_close_until_nearly_all_are_done_then_ever_rarer(
    kind: Expected, one: float, other: float
) -> None:
    sooner, later = sorted((one, other))

    assert 0.25 <= polling.pause(sooner, kind) <= polling.pause(later, kind) <= 30
    if later < kind.high:
        assert polling.pause(later, kind) <= 1.25
    else:
        assert polling.pause(later, kind) <= max(1.25, later * 0.15)


@given(st.floats(0, 3600), st.floats(0, 3600))
def test_waits_between_checks_grow_slowly_up_to_half_a_minute(one: float, other: float) -> None:
    sooner, later = sorted((one, other))
    first, second = polling.next_wait(sooner, math.inf), polling.next_wait(later, math.inf)

    assert first <= second <= 30
    assert second <= 1 + later * 0.15


@given(KINDS, st.floats(0, 3600))
def test_who_listens_does_so_past_the_time_that_nearly_all_take(
    kind: Expected, elapsed: float
) -> None:
    wait = polling.webhook_wait(elapsed, kind, math.inf)

    assert wait + elapsed >= kind.high
    assert wait >= 30


@given(KINDS, st.integers(30, 3600))
def test_a_lost_webhook_costs_few_looks(kind: Expected, deadline: int) -> None:
    elapsed, looks = 0, 0
    while elapsed < deadline:
        elapsed += polling.webhook_wait(elapsed, kind, deadline - elapsed)
        looks += 1

    assert elapsed == deadline
    assert looks <= 18


@given(st.floats(0.001, 10))
def test_the_scale_multiplies_the_first_wait(scale: float) -> None:
    model_input = {"quality": "low", "resolution": "1k"}
    scaled = published(model_input, scale)

    assert scaled.median == pytest.approx(published(model_input).median * scale)
    assert polling.first_wait(0, scaled, math.inf) <= max(1, scaled.median)


@given(st.integers(1, 10_000))
def test_unreadable_answers_are_asked_again_soon_then_slowly(in_a_row: int) -> None:
    wait = polling.unreadable_wait(in_a_row)

    assert 1 <= wait <= 30
    assert wait <= polling.unreadable_wait(in_a_row + 1)


def test_an_unreadable_provider_is_given_minutes() -> None:
    waits = [polling.unreadable_wait(n + 1) for n in range(polling.MAX_UNREADABLE - 1)]

    assert 120 <= sum(waits) <= 600


@given(st.integers(1, 10_000))
def test_a_submit_that_never_left_is_tried_again_soon_then_every_two_minutes(attempts: int) -> None:
    wait = polling.unsent_wait(attempts)

    assert 5 <= wait <= polling.unsent_wait(attempts + 1) <= 120


@given(st.integers(0, 10_000))
def test_the_providers_own_time_is_honoured(retry_after: int) -> None:
    assert polling.throttled_wait(retry_after) == max(1, retry_after)


def test_without_one_everybody_waits_a_minute() -> None:
    assert polling.throttled_wait(None) == 60


@given(st.floats(0.1, 2), st.booleans())
def test_an_unanswered_post_is_looked_for_as_long_as_the_list_may_be_late(
    scale: float, was_read: bool
) -> None:
    searched = 0
    while (wait := polling.search_wait(searched, scale, was_read=was_read)) is not None:
        searched += wait

    enough = (120 if was_read else 600) * scale
    assert enough - 1e-6 <= searched < enough + max(1, 15 * scale) + 0.5


def test_it_is_looked_for_longer_than_a_listing_lags() -> None:
    assert polling.search_wait(90, 1, was_read=True) == 15
    assert polling.search_wait(120, 1, was_read=True) is None


def test_a_list_that_was_not_read_ends_nothing_for_ten_minutes() -> None:
    assert polling.search_wait(120, 1, was_read=False) == 15
    assert polling.search_wait(600, 1, was_read=False) is None


@given(st.integers(1, 120))
def test_however_short_its_waits_a_job_in_the_line_for_a_day_does_not_fill_the_history(
    wait: int,
) -> None:
    waited = deferrals = 0
    while waited < 86_400:
        waited += polling.patient_wait(wait, deferrals)
        deferrals += 1

    assert deferrals * 9 < 25_000 - 2_000  # the rest is for what comes after


@given(st.integers(1, 100_000), st.integers(0, 29))
def test_for_the_first_times_a_job_waits_exactly_as_long_as_it_was_told(
    wait: int, deferrals: int
) -> None:
    assert polling.patient_wait(wait, deferrals) == wait
