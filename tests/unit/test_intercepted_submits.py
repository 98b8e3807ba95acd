"""A submit that an edge intercepts was not accepted: the job waits, and the breaker opens."""

import pytest

from darkroom.domain.breaker import FAILURES
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Accepted, Intercepted, Submission, Throttled
from tests.fakes.images import PNG
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.machine import StateMachine
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import MAX_QUEUE, World


def queued_job(*submissions: Submission) -> tuple[World, Job]:
    world = World()
    world.provider.submissions = list(submissions)
    world.downloads.files = {OUTPUT: PNG}
    return world, world.accept_job()


def test_job_is_queued_again_uncharged_with_growing_waits() -> None:
    world, job = queued_job(Intercepted())
    step, waits = Step(job_id=job.job_id), []
    for _ in range(4):
        step = world.app.submit_job.run(step)
        waits.append(step.wait_seconds)
        world.clock.advance(step.wait_seconds)

    assert (step.outcome, waits) == (Outcome.DEFERRED, [5, 10, 20, 40])
    queued = world.job(job.job_id)
    assert (queued.status, queued.was_sent, queued.charge) == (Status.QUEUED, False, Charged.NO)
    assert_queue_counts(world.jobs)


@pytest.mark.parametrize("pages", [1, FAILURES, FAILURES + 2])
def test_job_completes_after_the_page_has_gone(pages: int) -> None:
    world, job = queued_job(*[Intercepted()] * pages, Accepted(PREDICTION))

    StateMachine(world).run()

    assert world.job(job.job_id).status is Status.COMPLETED
    assert len(world.provider.posts) == pages + 1


@pytest.mark.parametrize("submission", [Intercepted(), Throttled(None, by_edge=True)])
def test_page_that_goes_on_opens_the_breaker(submission: Submission) -> None:
    world, job = queued_job(submission)
    step = Step(job_id=job.job_id)
    for _ in range(FAILURES):
        assert world.jobs.queue.read_provider().is_closed
        step = world.app.submit_job.run(step)
        world.clock.advance(step.wait_seconds)

    state = world.jobs.queue.read_provider()
    assert (state.is_closed, state.reason) == (False, Code.PROVIDER_UNAVAILABLE)


def test_429_of_the_api_does_not_open_the_breaker() -> None:
    world, job = queued_job(Throttled(1))
    step = Step(job_id=job.job_id)
    for _ in range(FAILURES + 1):
        step = world.app.submit_job.run(step)
        world.clock.advance(step.wait_seconds)

    assert world.jobs.queue.read_provider().is_closed


def test_page_for_the_whole_queue_time_ends_the_job_uncharged() -> None:
    world, job = queued_job(Intercepted())

    StateMachine(world).run()

    ended = world.job(job.job_id)
    assert (ended.code, ended.charge) == (Code.PROVIDER_UNAVAILABLE, Charged.NO)
    assert ended.ended_at is not None
    assert (ended.ended_at - ended.accepted_at).total_seconds() >= MAX_QUEUE
    assert ended.sweep_after is None


def test_job_canceled_behind_a_page_ends_uncharged() -> None:
    world, job = queued_job(Intercepted())
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    world.app.end_job.cancel(job.job_id)

    step = world.app.submit_job.run(step)

    assert step.code is Code.CANCELED
    assert world.job(job.job_id).charge is Charged.NO
    assert len(world.provider.posts) == 1
