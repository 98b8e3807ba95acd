"""SubmitJob after a POST that nobody answered: it is looked for, and sent again only by policy."""

from datetime import timedelta

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.job_events import failed
from darkroom.domain.steps import Outcome, Step
from tests.fakes.account import Account, Take
from tests.fakes.crashes import DeadError
from tests.fakes.invariants import assert_claims, assert_counts, assert_ended
from tests.fakes.machine import Machine, deployment
from tests.fakes.signals import START
from tests.fakes.world import TESTS, World


def after(*takes: Take, resubmits: bool = False) -> tuple[World, Account, Job]:
    world, account = deployment(resubmits=resubmits)
    account.takes = list(takes)
    return world, account, world.accepted()


def looks(world: World, job: Job) -> tuple[Step, float]:
    """Submit until something is decided; return what, and after how many seconds."""
    step = Step(job_id=job.job_id)
    for _ in range(100):
        step = world.submit_job()(step)
        if step.outcome is not Outcome.DEFERRED:
            return step, (world.clock() - START).total_seconds()
        world.clock.advance(step.wait_seconds)
    raise AssertionError("the looking does not end")


def test_one_that_was_taken_is_found_in_the_list_and_goes_on() -> None:
    world, account, job = after(Take.LOST)

    step = world.submit_job()(Step(job_id=job.job_id))

    assert step.outcome is Outcome.SUBMITTED
    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert world.jobs.claims.owner("p-1") == job.job_id
    assert len(account.posts) == 1
    assert [event.id for event in world.events.published] == [f"{job.job_id}.submitted"]
    assert world.metrics.total("SubmissionsFound") == 1
    assert_counts(world.jobs)


@pytest.mark.parametrize("lag", [1, 60, 89, 119])
def test_the_list_may_be_late(lag: int) -> None:
    world, account, job = after(Take.LOST)
    account.lag = timedelta(seconds=lag)

    step, seconds = looks(world, job)

    assert step.outcome is Outcome.SUBMITTED
    assert lag <= seconds <= lag + 15
    assert len(account.posts) == 1


def test_it_is_looked_for_two_minutes_before_it_is_given_up_and_never_called_free() -> None:
    world, account, job = after(Take.NEVER)

    step, seconds = looks(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.SUBMISSION_UNKNOWN)
    assert seconds >= 90
    assert seconds == 120
    assert len(account.posts) == 1
    world.end_job().fail(job.job_id, Code.SUBMISSION_UNKNOWN)
    event = failed(world.job(job.job_id))
    assert (event.charged, event.retryable) == (Charged.MAYBE, False)
    assert_counts(world.jobs)


@pytest.mark.parametrize("blind", ["unread", "without inputs"])
def test_a_list_that_proves_nothing_is_asked_for_ten_minutes(blind: str) -> None:
    world, account, job = after(Take.LOST, resubmits=True)
    account.lists = blind != "unread"
    account.says_inputs = False

    step, seconds = looks(world, job)

    assert step.code is Code.SUBMISSION_UNKNOWN
    assert seconds == 600
    assert len(account.posts) == 1, "nothing is sent again on the word of a list that was not read"


def test_a_death_in_the_post_is_looked_for_like_an_answer_that_is_lost() -> None:
    world, account, job = after(Take.TAKEN)
    world.crash_at.plan = {
        world.crash_at.calls + 4: "after"
    }  # get, prepare, read, let out, the POST
    with pytest.raises(DeadError):
        world.submit_job()(Step(job_id=job.job_id))
    assert (len(account.made), world.job(job.job_id).prediction_id) == (1, None)

    step, _ = looks(world, job)

    assert step.outcome is Outcome.SUBMITTED
    assert len(account.posts) == 1


def test_whose_prediction_a_twin_has_claimed_takes_the_twins() -> None:
    world, account = deployment()
    first, second = world.accepted(key="first"), world.accepted(key="second")
    account.takes = [Take.LOST]
    account.lag = timedelta(seconds=10)
    world.submit_job()(Step(job_id=first.job_id))
    world.clock.advance(15)
    make = account.make

    def claimed_meanwhile(*post: object) -> object:
        """While the second one's answer is on its way, the first takes the second's."""
        made = make(*post)  # type: ignore[arg-type]
        made.created_at = START
        account.made[0].created_at = START + timedelta(seconds=1)
        world.beside().submit_job()(Step(job_id=first.job_id))
        return made

    account.make = claimed_meanwhile  # type: ignore[assignment]
    step = world.submit_job()(Step(job_id=second.job_id))

    assert step.outcome is Outcome.SUBMITTED
    assert world.job(first.job_id).prediction_id == "p-2"
    assert world.job(second.job_id).prediction_id == "p-1"
    assert len(account.posts) == 2
    assert_claims(world.jobs)


def test_resubmit_sends_again_when_the_list_was_read_and_three_times_at_most() -> None:
    world, account, job = after(*[Take.NEVER] * 9, resubmits=True)

    step, _ = looks(world, job)

    assert step.code is Code.SUBMISSION_UNKNOWN
    times = [(when - START).total_seconds() for _, _, when in account.sent]
    assert times == pytest.approx([0, 121, 242], abs=1)
    assert world.metrics.total("Resubmits") == 2
    assert_counts(world.jobs)


def test_a_resubmit_that_is_taken_goes_on() -> None:
    world, account, job = after(Take.NEVER, resubmits=True)

    Machine(world).run()

    assert world.job(job.job_id).status is Status.COMPLETED
    assert len(account.posts) == 2


def test_a_canceled_job_is_not_sent_again_and_not_called_free() -> None:
    world, account, job = after(Take.NEVER, resubmits=True)
    world.submit_job()(Step(job_id=job.job_id))
    world.cancel_job()(TESTS, job.job_id)

    Machine(world).run()

    assert len(account.posts) == 1
    assert world.job(job.job_id).charge is Charged.MAYBE
    assert_ended(world)


@pytest.mark.parametrize("second", [Take.UNSENT, Take.THROTTLED, Take.LOCKED_OUT, Take.REFUSED])
def test_what_the_second_post_comes_to_does_not_make_the_first_one_free(second: Take) -> None:
    world, account, job = after(Take.NEVER, *[second] * 200, resubmits=True)

    Machine(world).run()

    ended = world.job(job.job_id)
    assert account.possibly_taken(job.job_id) == 1
    assert (ended.status, ended.charge) == (Status.FAILED, Charged.MAYBE)
    assert_ended(world)


def test_what_the_first_post_made_is_taken_when_it_is_listed_at_last() -> None:
    world, account, job = after(Take.LOST, Take.NEVER, resubmits=True)
    account.lag = timedelta(seconds=150)

    Machine(world).run()

    assert world.job(job.job_id).prediction_id == "p-1"
    assert (len(account.posts), len(account.made)) == (2, 1)
    assert world.job(job.job_id).status is Status.COMPLETED


def test_what_the_first_post_made_is_taken_after_a_third_one_too() -> None:
    world, account, job = after(Take.LOST, Take.NEVER, Take.NEVER, resubmits=True)
    account.lag = timedelta(seconds=270)

    Machine(world).run()

    assert world.job(job.job_id).prediction_id == "p-1"
    assert (len(account.posts), len(account.made)) == (3, 1)
