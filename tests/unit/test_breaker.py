"""The circuit breaker as a pure function: when it opens, for how long, and what closes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.breaker import FAILURES, BreakerState, Health
from darkroom.domain.errors import Code

NOW = 1e9
BASE = 30.0
UNAVAILABLE = Code.PROVIDER_UNAVAILABLE
STOPS = (Code.UNAUTHORIZED, Code.INSUFFICIENT_CREDITS)
SICK = st.sampled_from([Health.UNREACHABLE, Health.BLOCKED])


def after(breaker: BreakerState, health: Health, now: float = NOW) -> BreakerState:
    return breaker.after(health, UNAVAILABLE, now, BASE)


def opened(now: float = NOW) -> BreakerState:
    return after(BreakerState(), Health.BLOCKED, now)


def test_it_is_closed_at_first_and_nobody_waits() -> None:
    assert BreakerState().is_closed
    assert BreakerState().wait(NOW) == 0
    assert BreakerState().probing(NOW) == BreakerState()


@pytest.mark.parametrize("reason", STOPS)
def test_an_answer_that_the_next_job_would_get_as_well_opens_it_at_once(reason: Code) -> None:
    breaker = BreakerState().after(Health.BLOCKED, reason, NOW, BASE)

    assert not breaker.is_closed
    assert breaker.reason is reason
    assert breaker.wait(NOW) == BASE
    assert breaker.wait(NOW + 20) == BASE - 20


@given(st.lists(st.sampled_from([Health.UNREACHABLE, Health.OK]), max_size=30))
def test_so_many_unanswered_submits_in_a_row_open_it_and_no_fewer(verdicts: list[Health]) -> None:
    breaker, in_a_row = BreakerState(), 0
    for health in verdicts:
        in_a_row = in_a_row + 1 if health is Health.UNREACHABLE else 0
        breaker = after(breaker, health)

        assert breaker.is_closed == (in_a_row < FAILURES)
        if not breaker.is_closed:
            break


@given(st.floats(0, 19))
def test_one_job_probes_and_the_others_look_again_soon(since: float) -> None:
    breaker = opened().probing(NOW + BASE)

    wait = breaker.wait(NOW + BASE + since)

    assert 0 < wait <= 10
    assert not breaker.is_closed


def test_a_probe_that_never_comes_back_is_followed_by_another() -> None:
    breaker = opened().probing(NOW + BASE)

    assert breaker.wait(NOW + BASE + 100) == 0


@given(st.lists(SICK, min_size=1, max_size=40), st.floats(1, 120))
def test_each_probe_that_fails_doubles_the_time_up_to_twenty_times(
    verdicts: list[Health], base: float
) -> None:
    breaker, now = opened(), NOW
    for number, health in enumerate(verdicts, start=1):
        now = max(now, breaker.open_until)
        breaker = breaker.probing(now).after(health, UNAVAILABLE, now + 5, base)

        assert breaker.wait(now + 5) == pytest.approx(base * min(2**number, 20), abs=1e-5)


@given(st.lists(SICK, max_size=10))
def test_one_answer_closes_it_and_all_is_forgotten(verdicts: list[Health]) -> None:
    breaker, now = opened(), NOW
    for health in verdicts:
        now = breaker.open_until
        breaker = after(breaker.probing(now), health, now)

    assert after(breaker, Health.OK) == BreakerState()


@given(st.lists(SICK, min_size=1, max_size=10))
def test_what_was_sent_before_it_opened_does_not_lengthen_its_time(verdicts: list[Health]) -> None:
    breaker = opened()
    for health in verdicts:
        breaker = after(breaker, health, NOW + 1)

    assert breaker.open_until == NOW + BASE
