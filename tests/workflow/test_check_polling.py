"""Without webhooks, a check stays and looks until the job is done: to leave costs more."""

import pytest

from tests.workflow.answers import completed, html, standing
from tests.workflow.cloud import CHECK, FAIL, FINALIZE, REQUEST, STRAIGHT, SUBMIT, Cloud
from tests.workflow.lambdas import Fault

HOLD = 300


@pytest.fixture
def holding(cloud: Cloud) -> Cloud:
    """The shipped setting."""
    cloud.configure(CHECK_POLL_SECONDS=str(HOLD))
    return cloud


@pytest.mark.parametrize("takes", [1, 24, 40, 60, 200])
def test_a_job_takes_eight_transitions_however_long_it_takes(holding: Cloud, takes: float) -> None:
    holding.provider.takes(takes)

    run = holding.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == STRAIGHT
    assert len(run.states) == 8
    assert run.job.provider_completed_at is not None
    assert run.job.submitted_at is not None
    seen = (run.job.provider_completed_at - run.job.submitted_at).total_seconds()
    assert seen - max(takes, holding.clock.waits[0]) <= (1.25 if takes <= 60 else 30)
    assert run.job.checks == len(holding.clock.sleeps) + 1


def test_what_the_provider_took_is_known_to_half_a_pause(holding: Cloud) -> None:
    holding.provider.takes(40)

    run = holding.run()

    assert run.job.took_seconds == pytest.approx(40, abs=0.7)


def test_it_comes_back_for_what_takes_longer_than_a_check_may(holding: Cloud) -> None:
    holding.provider.takes(500)

    run = holding.run()

    assert run.end == ("SUCCEEDED", None)
    assert run.states == [*SUBMIT, *CHECK * 2, *FINALIZE, "Done"]
    assert sum(holding.clock.sleeps) <= 2 * HOLD


def test_the_last_look_falls_on_the_deadline(holding: Cloud) -> None:
    holding.provider.checks(standing("processing"))

    run = holding.run({**REQUEST, "deadline_seconds": 120})

    assert run.end == ("FAILED", "deadline_exceeded")
    assert run.states == [*SUBMIT, *CHECK, *FAIL]
    assert run.job.submitted_at is not None
    assert run.job.ended_at is not None
    assert (run.job.ended_at - run.job.submitted_at).total_seconds() == pytest.approx(120)


def test_answers_that_cannot_be_read_are_looked_past_right_there(holding: Cloud) -> None:
    holding.provider.checks(html(502), html(502), standing("processing"), completed())

    run = holding.run()

    assert run.states == STRAIGHT
    assert holding.clock.sleeps[:2] == [2, 4]


def test_a_provider_that_cannot_be_read_is_given_up_after_minutes(holding: Cloud) -> None:
    holding.provider.checks(html(502))

    run = holding.run()

    assert run.end == ("FAILED", "provider_unavailable")
    assert run.states == [*SUBMIT, *CHECK, *FAIL]
    assert 120 <= sum(holding.clock.sleeps) <= HOLD


def test_a_check_that_died_is_begun_again_and_costs_nothing_twice(holding: Cloud) -> None:
    holding.provider.takes(60)
    holding.lambdas.faults("CheckFunction", [Fault.CRASH_AFTER])

    run = holding.run()

    assert run.end == ("SUCCEEDED", None)
    assert len(run.posts) == 1


def test_with_a_webhook_nobody_stays(holding: Cloud) -> None:
    holding.listen()
    holding.provider.takes(60)

    holding.run()

    assert holding.clock.sleeps == []


def test_a_job_that_is_canceled_while_it_is_looked_at_is_filed(holding: Cloud) -> None:
    holding.provider.takes(60)
    job_id = holding.request()
    holding.clock.at(40, lambda: holding.cancel(job_id))
    holding.machine.run_pending()
    holding.end(job_id)

    run = holding.look(job_id)

    assert run.end == ("FAILED", "canceled")
    assert len(run.job.assets) == 1
