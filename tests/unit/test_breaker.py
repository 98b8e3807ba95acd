"""The circuit breaker as a pure function: when it opens, for how long, and what closes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.breaker import FAILURES, Breaker, Verdict
from darkroom.domain.errors import Code

NOW = 1e9
BASE = 30.0
UNAVAILABLE = Code.PROVIDER_UNAVAILABLE
STOPS = (Code.UNAUTHORIZED, Code.INSUFFICIENT_CREDITS)
SICK = st.sampled_from([Verdict.ILL, Verdict.STOP])


def after(breaker: Breaker, verdict: Verdict, now: float = NOW) -> Breaker:
    return breaker.after(verdict, UNAVAILABLE, now, BASE)


def opened(now: float = NOW) -> Breaker:
    return after(Breaker(), Verdict.STOP, now)


def test_it_is_closed_at_first_and_nobody_waits() -> None:
    assert Breaker().is_closed
    assert Breaker().wait(NOW) == 0
    assert Breaker().probing(NOW) == Breaker()


@pytest.mark.parametrize("reason", STOPS)
def test_an_answer_that_the_next_job_would_get_as_well_opens_it_at_once(reason: Code) -> None:
    breaker = Breaker().after(Verdict.STOP, reason, NOW, BASE)

    assert not breaker.is_closed
    assert breaker.reason is reason
    assert breaker.wait(NOW) == BASE
    assert breaker.wait(NOW + 20) == BASE - 20


@given(st.lists(st.sampled_from([Verdict.ILL, Verdict.WELL]), max_size=30))
def test_so_many_unanswered_submits_in_a_row_open_it_and_no_fewer(verdicts: list[Verdict]) -> None:
    breaker, in_a_row = Breaker(), 0
    for verdict in verdicts:
        in_a_row = in_a_row + 1 if verdict is Verdict.ILL else 0
        breaker = after(breaker, verdict)

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
    verdicts: list[Verdict], base: float
) -> None:
    breaker, now = opened(), NOW
    for number, verdict in enumerate(verdicts, start=1):
        now = max(now, breaker.open_until)
        breaker = breaker.probing(now).after(verdict, UNAVAILABLE, now + 5, base)

        assert breaker.wait(now + 5) == pytest.approx(base * min(2**number, 20), abs=1e-5)


@given(st.lists(SICK, max_size=10))
def test_one_answer_closes_it_and_all_is_forgotten(verdicts: list[Verdict]) -> None:
    breaker, now = opened(), NOW
    for verdict in verdicts:
        now = breaker.open_until
        breaker = after(breaker.probing(now), verdict, now)

    assert after(breaker, Verdict.WELL) == Breaker()


@given(st.lists(SICK, min_size=1, max_size=10))
def test_what_was_sent_before_it_opened_does_not_lengthen_its_time(verdicts: list[Verdict]) -> None:
    breaker = opened()
    for verdict in verdicts:
        breaker = after(breaker, verdict, NOW + 1)

    assert breaker.open_until == NOW + BASE
