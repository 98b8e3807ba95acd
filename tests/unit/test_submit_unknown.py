"""SubmitJob after an unanswered POST: search for the prediction, resubmit only by policy."""

from datetime import timedelta

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.job_events import failed
from darkroom.domain.steps import Outcome, Step
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.invariants import assert_all_ended, assert_claims, assert_queue_counts
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import PostResult, ProviderAccount
from tests.fakes.signals import START
from tests.fakes.world import TEST_CALLER, World


def job_with_post_results(
    *post_results: PostResult, resubmits: bool = False
) -> tuple[World, ProviderAccount, Job]:
    world, account = deployment(resubmits=resubmits)
    account.post_results = list(post_results)
    return world, account, world.accept_job()


def submit_until_decided(world: World, job: Job) -> tuple[Step, float]:
    """Submit until the outcome is not DEFERRED; return the step and the elapsed seconds."""
    step = Step(job_id=job.job_id)
    for _ in range(100):
        step = world.app.submit_job.run(step)
        if step.outcome is not Outcome.DEFERRED:
            return step, (world.clock() - START).total_seconds()
        world.clock.advance(step.wait_seconds)
    raise AssertionError("the search does not end")


def test_accepted_post_without_a_response_is_found_in_the_list() -> None:
    world, account, job = job_with_post_results(PostResult.RESPONSE_LOST)

    step = world.app.submit_job.run(Step(job_id=job.job_id))

    assert step.outcome is Outcome.PROCESSING
    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert world.jobs.claims.owner("p-1") == job.job_id
    assert len(account.posts) == 1
    assert [event.id for event in world.events.published] == [f"{job.job_id}.submitted"]
    assert world.metrics.total("SubmissionsFound") == 1
    assert_queue_counts(world.jobs)


@pytest.mark.parametrize("list_lag", [1, 60, 89, 119])
def test_prediction_is_found_when_the_list_lags(list_lag: int) -> None:
    world, account, job = job_with_post_results(PostResult.RESPONSE_LOST)
    account.list_lag = timedelta(seconds=list_lag)

    step, seconds = submit_until_decided(world, job)

    assert step.outcome is Outcome.PROCESSING
    assert list_lag <= seconds <= list_lag + 15
    assert len(account.posts) == 1


def test_unanswered_post_fails_possibly_charged_after_two_minutes() -> None:
    world, account, job = job_with_post_results(PostResult.REQUEST_LOST)

    step, seconds = submit_until_decided(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.SUBMISSION_UNKNOWN)
    assert seconds >= 90
    assert seconds == 120
    assert len(account.posts) == 1
    world.app.end_job.fail(job.job_id, Code.SUBMISSION_UNKNOWN)
    event = failed(world.job(job.job_id))
    assert (event.charged, event.retryable) == (Charged.MAYBE, False)
    assert_queue_counts(world.jobs)


@pytest.mark.parametrize("fault", ["unreadable", "without inputs"])
def test_inconclusive_list_is_searched_for_ten_minutes(fault: str) -> None:
    world, account, job = job_with_post_results(PostResult.RESPONSE_LOST, resubmits=True)
    account.can_list = fault != "unreadable"
    account.lists_inputs = False

    step, seconds = submit_until_decided(world, job)

    assert step.code is Code.SUBMISSION_UNKNOWN
    assert seconds == 600
    assert len(account.posts) == 1, "an inconclusive list never causes a resubmit"


def test_prediction_is_found_after_a_crash_during_the_post() -> None:
    world, account, job = job_with_post_results(PostResult.ACCEPTED)
    world.crash_at.methods = {"submit": "after"}
    with pytest.raises(SimulatedCrashError):
        world.app.submit_job.run(Step(job_id=job.job_id))
    assert (len(account.created), world.job(job.job_id).prediction_id) == (1, None)

    step, _ = submit_until_decided(world, job)

    assert step.outcome is Outcome.PROCESSING
    assert len(account.posts) == 1


def test_identical_jobs_may_claim_each_others_predictions() -> None:
    world, account = deployment()
    first, second = world.accept_job(key="first"), world.accept_job(key="second")
    account.post_results = [PostResult.RESPONSE_LOST]
    account.list_lag = timedelta(seconds=10)
    world.app.submit_job.run(Step(job_id=first.job_id))
    world.clock.advance(15)
    create_original = account.create_prediction

    def create_then_submit_first(*post: object) -> object:
        """Let the first job claim the second prediction before the second POST returns."""
        prediction = create_original(*post)  # type: ignore[arg-type]
        prediction.created_at = START
        account.created[0].created_at = START + timedelta(seconds=1)
        world.without_crashes().app.submit_job.run(Step(job_id=first.job_id))
        return prediction

    account.create_prediction = create_then_submit_first  # type: ignore[assignment]
    step = world.app.submit_job.run(Step(job_id=second.job_id))

    assert step.outcome is Outcome.PROCESSING
    assert world.job(first.job_id).prediction_id == "p-2"
    assert world.job(second.job_id).prediction_id == "p-1"
    assert len(account.posts) == 2
    assert_claims(world.jobs)


def test_resubmits_follow_a_readable_list_and_send_at_most_three_posts() -> None:
    world, account, job = job_with_post_results(*[PostResult.REQUEST_LOST] * 9, resubmits=True)

    step, _ = submit_until_decided(world, job)

    assert step.code is Code.SUBMISSION_UNKNOWN
    times = [(time - START).total_seconds() for _, _, time in account.sent_posts]
    assert times == pytest.approx([0, 121, 242], abs=1)
    assert world.metrics.total("Resubmits") == 2
    assert_queue_counts(world.jobs)


def test_canceled_job_is_not_resubmitted_and_stays_possibly_charged() -> None:
    world, account, job = job_with_post_results(PostResult.REQUEST_LOST, resubmits=True)
    world.app.submit_job.run(Step(job_id=job.job_id))
    world.app.cancel_job.run(TEST_CALLER, job.job_id)

    StateMachine(world).run()

    assert len(account.posts) == 1
    assert world.job(job.job_id).charge is Charged.MAYBE
    assert_all_ended(world)


@pytest.mark.parametrize(
    "second",
    [PostResult.NOT_SENT, PostResult.THROTTLED, PostResult.UNAUTHORIZED, PostResult.REFUSED],
)
def test_failed_resubmit_leaves_the_first_post_possibly_charged(second: PostResult) -> None:
    world, account, job = job_with_post_results(
        PostResult.REQUEST_LOST, *[second] * 200, resubmits=True
    )

    StateMachine(world).run()

    ended = world.job(job.job_id)
    assert account.possibly_accepted(job.job_id) == 1
    assert (ended.status, ended.charge) == (Status.FAILED, Charged.MAYBE)
    assert_all_ended(world)


@pytest.mark.parametrize(("resubmits", "list_lag"), [(1, 150), (2, 270)])
def test_prediction_of_the_first_post_is_claimed_after_resubmits(
    resubmits: int, list_lag: int
) -> None:
    world, account, job = job_with_post_results(
        PostResult.RESPONSE_LOST, *[PostResult.REQUEST_LOST] * resubmits, resubmits=True
    )
    account.list_lag = timedelta(seconds=list_lag)

    StateMachine(world).run()

    assert world.job(job.job_id).prediction_id == "p-1"
    assert (len(account.posts), len(account.created)) == (1 + resubmits, 1)
    assert world.job(job.job_id).status is Status.COMPLETED
