"""ReceiveWebhook beside what was lost or given up: the token in the URL tells whose it was."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Status
from darkroom.domain.steps import Outcome
from tests.fakes.account import Made, Take
from tests.fakes.crashes import DeadError
from tests.fakes.invariants import assert_claims, assert_counts
from tests.fakes.machine import Machine
from tests.fakes.world import TESTS
from tests.unit.test_receive_webhook import call, hooked, submit


def test_one_that_comes_before_the_answer_to_its_post_brings_the_prediction() -> None:
    world, account, job = hooked()
    make = account.make

    def calls_at_once(*post: Any) -> Made:
        made = make(*post)
        assert call(world.beside(), job, made)
        return made

    account.make = calls_at_once  # type: ignore[assignment,method-assign]
    submit(world, job)

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert len(account.posts) == 1
    assert {event.id for event in world.events.published} == {f"{job.job_id}.submitted"}
    assert_counts(world.jobs)
    assert_claims(world.jobs)


def test_one_whose_answer_was_lost_is_adopted_by_its_token() -> None:
    world, account, job = hooked(Take.LOST)
    account.lists = False
    step = submit(world, job)
    assert world.job(job.job_id).status is Status.SUBMITTING

    assert call(world, job, account.made[0])

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert world.submit_job()(step).outcome == "submitted"
    assert_counts(world.jobs)
    assert_claims(world.jobs)


@pytest.mark.parametrize("token", ["", "another", "é", "\ud800"])
def test_a_token_of_another_post_brings_nothing(token: str) -> None:
    world, account, job = hooked(Take.LOST)
    account.lists = False
    submit(world, job)
    before = world.job(job.job_id)

    assert call(world, job, account.made[0], token=token)

    assert world.job(job.job_id) == before
    assert world.jobs.claims.owners == {}


def test_what_another_job_has_claimed_is_not_adopted() -> None:
    world, account, job = hooked(Take.LOST)
    account.lists = False
    submit(world, job)
    world.jobs.claims.owners["p-1"] = "another"

    assert call(world, job, account.made[0])

    assert world.job(job.job_id).prediction_id is None


@pytest.mark.parametrize("canceled", [True, False])
def test_a_job_that_was_never_sent_is_left_alone(canceled: bool) -> None:
    world, account, job = hooked()
    made = account.make(job.model, job.input)
    if canceled:
        world.cancel_job()(TESTS, job.job_id)
    before = world.job(job.job_id)

    assert call(world, job, made)

    assert world.job(job.job_id) == before


def test_a_job_that_was_given_up_is_looked_at_by_the_next_sweep() -> None:
    world, account, job = hooked(Take.LOST)
    account.lists = False
    submit(world, job)
    world.end_job().fail(job.job_id, Code.SUBMISSION_UNKNOWN)
    world.clock.advance(3600 * 30)

    assert call(world, job, account.made[0])

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.FAILED, "p-1")
    assert stored.sweep_after == world.clock()
    assert_counts(world.jobs)
    assert_claims(world.jobs)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(5))
def test_a_crash_anywhere_is_mended_by_the_next_delivery(at: int, when: str) -> None:
    world, account, job = hooked(Take.LOST)
    account.lists = False
    submit(world, job)
    world.crash_at.plan = {world.crash_at.calls + at: when}  # type: ignore[dict-item]
    try:
        call(world, job, account.made[0])
    except DeadError:
        call(world, job, account.made[0])

    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert stored.woken_at is not None
    assert_counts(world.jobs)
    assert_claims(world.jobs)


def test_one_that_comes_long_after_the_deadline_has_the_next_sweep_look() -> None:
    world, account, job = hooked()
    account.seconds = 86_400 * 6
    Machine(world).run()
    while world.job(job.job_id).sweep_after is not None:  # until nobody looks any more
        world.clock.time = max(
            world.clock.time, world.job(job.job_id).sweep_after or world.clock.time
        )
        world.sweep_jobs()()
    world.clock.advance(86_400 * 3)

    assert call(world, job, account.made[0])

    assert world.job(job.job_id).sweep_after == world.clock()
    assert world.sweep_jobs()() == {"recovered": [job.job_id]}


def test_a_job_that_waits_to_be_sent_again_keeps_its_place_until_it_is() -> None:
    world, account, job = hooked(Take.LOST)
    world.resubmits, account.lag = True, timedelta(days=1)
    step = submit(world, job)
    world.clock.advance(120)
    assert world.submit_job()(step).outcome is Outcome.DEFERRED
    assert world.job(job.job_id).status is Status.QUEUED

    assert call(world, job, account.made[0])

    assert_counts(world.jobs)
    assert_claims(world.jobs)
    Machine(world).run()
    assert not world.job(job.job_id).is_open
    assert_counts(world.jobs)
