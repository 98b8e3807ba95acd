"""When to look again: properties of the waits."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import polling
from darkroom.domain.polling import Expected

KINDS = st.sampled_from(
    [
        polling.expected({"quality": quality, "resolution": resolution})
        for quality in ("low", "medium", "high")
        for resolution in ("1k", "2k", "4k")
    ]
    + [polling.expected({})]
)
SECONDS = st.floats(0, 20_000, allow_nan=False)


@given(SECONDS, KINDS, st.integers(0, 500), st.floats(-1000, 20_000) | st.just(math.inf))
def test_a_wait_is_whole_seconds_from_1(
    elapsed: float, kind: Expected, checks: int, left: float
) -> None:
    wait = polling.next_wait(elapsed, kind, checks, left)

    assert isinstance(wait, int)
    assert wait >= 1


@given(SECONDS, KINDS, st.integers(0, 500), st.floats(1, 20_000))
def test_a_wait_never_goes_a_second_beyond_the_deadline(
    elapsed: float, kind: Expected, checks: int, left: float
) -> None:
    assert polling.next_wait(elapsed, kind, checks, left) < left + 1


@given(KINDS, st.integers(30, 3600), st.floats(0, 3))
def test_the_last_check_falls_on_the_deadline_after_few_others(
    kind: Expected, deadline: int, lag: float
) -> None:
    elapsed, checks = 0.0, 0
    while elapsed < deadline:
        elapsed += polling.next_wait(elapsed, kind, checks, deadline - elapsed)
        if elapsed < deadline:  # each check itself takes a moment
            elapsed = min(elapsed + lag, deadline)
        checks += 1

    assert deadline <= elapsed < deadline + 1
    assert checks <= 25 + deadline / 30


@given(KINDS)
def test_the_first_check_comes_when_a_quarter_of_the_jobs_are_done(kind: Expected) -> None:
    logarithms = statistics.NormalDist(
        (math.log(kind.low) + math.log(kind.high)) / 2,
        math.log(kind.high / kind.low) / (2 * statistics.NormalDist().inv_cdf(0.95)),
    )

    first = polling.next_wait(0, kind, 0, 3600)

    assert kind.low < first < kind.median
    assert first == pytest.approx(math.exp(logarithms.inv_cdf(0.25)), abs=1)


@given(KINDS, st.floats(1, 3600))
def test_a_first_check_that_comes_late_is_not_put_off(kind: Expected, elapsed: float) -> None:
    wait = polling.next_wait(elapsed, kind, 0, 3600)

    assert wait == max(1, math.ceil(kind.quarter - elapsed))


@given(KINDS, st.floats(0, 3600), st.floats(0, 3600), st.integers(1, 50))
def test_later_waits_grow_slowly_up_to_half_a_minute(
    kind: Expected, one: float, other: float, checks: int
) -> None:
    sooner, later = sorted((one, other))
    first = polling.next_wait(sooner, kind, checks, math.inf)
    second = polling.next_wait(later, kind, checks, math.inf)

    assert first <= second <= 30
    assert second <= 1 + later * 0.15


def test_better_and_larger_pictures_are_expected_to_take_longer() -> None:
    medians = [
        [
            polling.expected({"quality": quality, "resolution": resolution}).median
            for resolution in ("1k", "2k", "4k")
        ]
        for quality in ("low", "medium", "high")
    ]

    assert all(row == sorted(row) for row in medians)
    assert all(list(column) == sorted(column) for column in zip(*medians, strict=True))


@pytest.mark.parametrize("quality", [None, "", "ultra", ["high"], {"a": 1}])
def test_what_other_models_call_quality_is_no_matter(quality: object) -> None:
    kind = polling.expected({"quality": quality, "resolution": "1k"})

    assert kind == polling.expected({})
    assert kind.low < kind.high


@given(st.floats(0.001, 10))
def test_the_scale_multiplies_what_is_expected(scale: float) -> None:
    model_input = {"quality": "high", "resolution": "2k"}
    plain, scaled = polling.expected(model_input), polling.expected(model_input, scale)

    assert scaled.quarter == pytest.approx(plain.quarter * scale)
    assert polling.next_wait(0, scaled, 0, math.inf) == max(1, math.ceil(scaled.quarter))


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
    looked = 0
    while (wait := polling.look_wait(looked, scale, was_read=was_read)) is not None:
        looked += wait

    enough = (120 if was_read else 600) * scale
    assert enough - 1e-6 <= looked < enough + max(1, 15 * scale) + 0.5


def test_it_is_looked_for_longer_than_a_listing_lags() -> None:
    assert polling.look_wait(90, 1, was_read=True) == 15
    assert polling.look_wait(120, 1, was_read=True) is None


def test_a_list_that_was_not_read_ends_nothing_for_ten_minutes() -> None:
    assert polling.look_wait(120, 1, was_read=False) == 15
    assert polling.look_wait(600, 1, was_read=False) is None


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
