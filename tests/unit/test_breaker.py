"""The circuit breaker as a pure function: opening, open time and closing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.breaker import FAILURES, BreakerState, Health
from darkroom.domain.errors import Code

NOW = 1e9
BASE = 30.0
UNAVAILABLE = Code.PROVIDER_UNAVAILABLE
BLOCKING_CODES = (Code.UNAUTHORIZED, Code.INSUFFICIENT_CREDITS)
UNHEALTHY = st.sampled_from([Health.UNREACHABLE, Health.BLOCKED])


def after_result(breaker: BreakerState, health: Health, now: float = NOW) -> BreakerState:
    return breaker.after(health, UNAVAILABLE, now, BASE)


def open_breaker(now: float = NOW) -> BreakerState:
    return after_result(BreakerState(), Health.BLOCKED, now)


def test_new_breaker_is_closed_without_a_wait() -> None:
    assert BreakerState().is_closed
    assert BreakerState().wait(NOW) == 0
    assert BreakerState().probing(NOW) == BreakerState()


@pytest.mark.parametrize("reason", BLOCKING_CODES)
def test_blocking_code_opens_the_breaker_immediately(reason: Code) -> None:
    breaker = BreakerState().after(Health.BLOCKED, reason, NOW, BASE)

    assert not breaker.is_closed
    assert breaker.reason is reason
    assert breaker.wait(NOW) == BASE
    assert breaker.wait(NOW + 20) == BASE - 20


@given(st.lists(st.sampled_from([Health.UNREACHABLE, Health.OK]), max_size=30))
def test_breaker_opens_after_the_threshold_of_consecutive_failures(results: list[Health]) -> None:
    breaker, in_a_row = BreakerState(), 0
    for health in results:
        in_a_row = in_a_row + 1 if health is Health.UNREACHABLE else 0
        breaker = after_result(breaker, health)

        assert breaker.is_closed == (in_a_row < FAILURES)
        if not breaker.is_closed:
            break


@given(st.floats(0, 19))
def test_while_one_job_probes_others_wait_at_most_10_seconds(since: float) -> None:
    breaker = open_breaker().probing(NOW + BASE)

    wait = breaker.wait(NOW + BASE + since)

    assert 0 < wait <= 10
    assert not breaker.is_closed


def test_lost_probe_is_followed_by_another_probe() -> None:
    breaker = open_breaker().probing(NOW + BASE)

    assert breaker.wait(NOW + BASE + 100) == 0


@given(st.lists(UNHEALTHY, min_size=1, max_size=40), st.floats(1, 120))
def test_each_failed_probe_doubles_the_open_time_up_to_20_times(
    results: list[Health], base: float
) -> None:
    breaker, now = open_breaker(), NOW
    for number, health in enumerate(results, start=1):
        now = max(now, breaker.open_until)
        breaker = breaker.probing(now).after(health, UNAVAILABLE, now + 5, base)

        assert breaker.wait(now + 5) == pytest.approx(base * min(2**number, 20), abs=1e-5)


@given(st.lists(UNHEALTHY, max_size=10))
def test_one_response_closes_and_resets_the_breaker(results: list[Health]) -> None:
    breaker, now = open_breaker(), NOW
    for health in results:
        now = breaker.open_until
        breaker = after_result(breaker.probing(now), health, now)

    assert after_result(breaker, Health.OK) == BreakerState()


@given(st.lists(UNHEALTHY, min_size=1, max_size=10))
def test_results_of_earlier_submits_do_not_extend_the_open_time(results: list[Health]) -> None:
    breaker = open_breaker()
    for health in results:
        breaker = after_result(breaker, health, NOW + 1)

    assert breaker.open_until == NOW + BASE
