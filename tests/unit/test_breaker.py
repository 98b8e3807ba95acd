"""The provider's state as pure functions: opening, open time, probes, closing and pauses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.breaker import FAILURES, PROBE_SECONDS, Health, ProviderState
from darkroom.domain.errors import Code

NOW = 1e9
BASE = 30.0
UNAVAILABLE = Code.PROVIDER_UNAVAILABLE
BLOCKING_CODES = (Code.UNAUTHORIZED, Code.INSUFFICIENT_CREDITS)
UNHEALTHY = st.sampled_from([Health.UNREACHABLE, Health.BLOCKED])
WAITS = st.integers(0, 4000).map(lambda quarters: quarters / 4)


def after_result(
    state: ProviderState,
    health: Health,
    now: float = NOW,
    *,
    sent_at: float | None = None,
    base: float = BASE,
) -> ProviderState:
    """Return the state after the result of a submit, which was sent at `now` by default."""
    sent_at = now if sent_at is None else sent_at
    return state.after(health, UNAVAILABLE, sent_at=sent_at, now=now, base=base)


def open_breaker(now: float = NOW) -> ProviderState:
    return after_result(ProviderState(), Health.BLOCKED, now)


def wait(state: ProviderState, now: float = NOW) -> float:
    """Return the seconds until a job may be submitted, or may probe."""
    return max(0.0, state.earliest_send(now) - now)


def test_new_state_is_closed_without_a_wait() -> None:
    assert ProviderState().is_closed
    assert wait(ProviderState()) == 0
    assert ProviderState().probing(NOW) == ProviderState()


@pytest.mark.parametrize("reason", BLOCKING_CODES)
def test_blocking_code_opens_the_breaker_immediately(reason: Code) -> None:
    state = ProviderState().after(Health.BLOCKED, reason, sent_at=NOW, now=NOW, base=BASE)

    assert not state.is_closed
    assert state.reason is reason
    assert wait(state, NOW) == BASE
    assert wait(state, NOW + 20) == BASE - 20


@given(st.lists(st.sampled_from([Health.UNREACHABLE, Health.OK]), max_size=30))
def test_breaker_opens_after_the_threshold_of_consecutive_failures(results: list[Health]) -> None:
    state, in_a_row = ProviderState(), 0
    for health in results:
        in_a_row = in_a_row + 1 if health is Health.UNREACHABLE else 0
        state = after_result(state, health)

        assert state.is_closed == (in_a_row < FAILURES)
        if not state.is_closed:
            break


def test_response_changes_nothing_while_the_breaker_is_closed_without_failures() -> None:
    closed_again = after_result(open_breaker(), Health.OK, NOW + BASE)

    for state in (ProviderState(), ProviderState(version=7, paused_until=NOW), closed_again):
        assert after_result(state, Health.OK, NOW + 100) == state


@given(st.floats(0, PROBE_SECONDS - 1))
def test_while_one_job_probes_others_wait_at_most_10_seconds(since: float) -> None:
    state = open_breaker().probing(NOW + BASE)

    assert 0 < wait(state, NOW + BASE + since) <= 10
    assert not state.is_closed


def test_lost_probe_is_followed_by_another_probe() -> None:
    state = open_breaker().probing(NOW + BASE)

    assert wait(state, NOW + BASE + PROBE_SECONDS - 0.1) > 0
    assert wait(state, NOW + BASE + PROBE_SECONDS) == 0


@given(st.lists(UNHEALTHY, min_size=1, max_size=40), st.integers(1, 120))
def test_each_failed_probe_doubles_the_open_time_up_to_20_times(
    results: list[Health], base: int
) -> None:
    state, now = open_breaker(), NOW
    for number, health in enumerate(results, start=1):
        now = max(now, state.open_until)
        state = after_result(state.probing(now), health, now + 5, sent_at=now, base=base)

        assert wait(state, now + 5) == base * min(2**number, 20)


@given(st.lists(UNHEALTHY, max_size=10))
def test_one_response_closes_and_resets_the_breaker(results: list[Health]) -> None:
    state, now = open_breaker(), NOW
    for health in results:
        now = state.open_until
        state = after_result(state.probing(now), health, now)

    closed = after_result(state, Health.OK, now)

    assert (closed.is_closed, closed.reason, closed.failures) == (True, None, 0)
    assert wait(closed, now) == 0
    assert wait(after_result(closed, Health.BLOCKED, now + 1), now + 1) == BASE


@given(st.lists(UNHEALTHY, min_size=1, max_size=10), st.floats(0, 100))
def test_submits_sent_before_the_breaker_opened_do_not_open_it_again(
    results: list[Health], later: float
) -> None:
    opened = open_breaker()
    closed = after_result(opened, Health.OK, NOW + BASE + 1)

    for state in (opened, closed):
        after = state
        for health in results:
            after = after_result(after, health, NOW + later, sent_at=NOW - 1)

        assert after == state


def test_submit_sent_after_an_early_close_can_open_the_breaker_again() -> None:
    closed = after_result(open_breaker(), Health.OK, NOW + 1, sent_at=NOW - 1)
    assert wait(closed, NOW + 1) == 0

    assert not after_result(closed, Health.BLOCKED, NOW + 3, sent_at=NOW + 2).is_closed


@given(WAITS, WAITS)
def test_pause_is_never_shortened(first: float, second: float) -> None:
    state = ProviderState().paused(NOW + first).paused(NOW + second)

    assert max(first, second) <= wait(state) < max(first, second) + 1


def test_second_pause_until_the_same_second_changes_nothing() -> None:
    state = ProviderState().paused(NOW + 5.1)

    assert state.paused(NOW + 5.9) == state


@given(UNHEALTHY | st.just(Health.OK))
def test_pause_and_version_outlast_results(health: Health) -> None:
    state = ProviderState(version=3, failures=FAILURES - 1).paused(NOW + 100)

    after = after_result(state, health)

    assert wait(after) == 100
    assert after.version == 3
