"""CancelJob concurrent with a step of the same job: the first write wins."""

from collections.abc import Callable
from typing import Any

import pytest

from darkroom.domain.errors import Charged, Code, EndedError
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import Accepted, Conflict, NotSent, Submission, Throttled, Unknown
from tests.fakes.images import PNG
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import World
from tests.unit.test_cancel_job import cancel, failed_event, submitted_job


def during_post(world: World, action: Callable[[], object]) -> None:
    """Run `action` during the next POST."""
    submit_original = world.provider.submit

    def submit(model: str, model_input: dict[str, Any], webhook: str | None = None) -> Submission:
        world.provider.submit = submit_original  # type: ignore[method-assign]
        action()
        return submit_original(model, model_input, webhook)

    world.provider.submit = submit  # type: ignore[method-assign]


def before_the_next_update(world: World, action: Callable[[], object]) -> None:
    """Run `action` just before the next update of a record."""
    transact = world.jobs.transact

    def transact_after_action(*arguments: Any, **change: Any) -> Job | Conflict:
        world.jobs.transact = transact  # type: ignore[method-assign]
        action()
        return transact(*arguments, **change)

    world.jobs.transact = transact_after_action  # type: ignore[method-assign]


@pytest.mark.parametrize("response", [NotSent(), Throttled(5)])
def test_unsuccessful_post_of_a_canceled_job_is_not_repeated(response: Submission) -> None:
    world = World()
    world.provider.submissions = [response, Accepted(PREDICTION)]
    job = world.accept_job()
    during_post(world, lambda: cancel(world, job))

    step = world.app.submit_job.run(Step(job_id=job.job_id))
    assert step.code is not None
    world.app.end_job.fail(job.job_id, step.code)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert len(world.provider.posts) == 1
    event = failed_event(world, job)
    assert (event.code, event.charged) == (Code.CANCELED, Charged.NO)


def test_canceled_job_is_not_sent_after_a_crash_that_follows_its_put_back() -> None:
    world = World()
    job = world.accept_job()
    submitting = world.app.acquire_slot.run(job, ())
    assert isinstance(submitting, Job)
    cancel(world, job)
    assert world.app.acquire_slot.put_back(submitting) is not None  # the function crashes here

    step = world.app.submit_job.run(Step(job_id=job.job_id))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert world.provider.posts == []


def test_cancel_during_an_accepted_post_stores_the_output() -> None:
    world = World()
    world.downloads.files = {OUTPUT: PNG}
    job = world.accept_job()
    during_post(world, lambda: cancel(world, job))

    step = world.app.submit_job.run(Step(job_id=job.job_id))
    step = world.app.finalize_job.run(world.app.check_job.run(step))

    assert step.code is Code.CANCELED
    assert world.job(job.job_id).prediction_id == PREDICTION
    assert len(failed_event(world, job).assets) == 1


def test_cancel_during_an_unanswered_post_ends_with_submission_unknown() -> None:
    world = World()
    world.provider.submissions = [Unknown()]
    job = world.accept_job()
    during_post(world, lambda: cancel(world, job))

    step = world.app.submit_job.run(Step(job_id=job.job_id))
    assert step.outcome is Outcome.DEFERRED, "the prediction is searched for"
    world.clock.advance(120)

    assert world.app.submit_job.run(step).code is Code.SUBMISSION_UNKNOWN


def test_cancel_before_the_completion_write_wins() -> None:
    world, job, step = submitted_job()
    step = world.app.check_job.run(step)
    before_the_next_update(world, lambda: cancel(world, job))

    step = world.app.finalize_job.run(step)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    stored = world.job(job.job_id)
    assert (stored.status, stored.canceled_at) == (Status.FAILED, world.clock())
    assert failed_event(world, job).assets == stored.assets != ()
    assert world.events.of_type("JobCompleted") == []


def test_cancel_after_the_completion_write_raises_ended_error() -> None:
    world, job, step = submitted_job()
    step = world.app.check_job.run(step)
    before_the_next_update(world, lambda: world.app.finalize_job.run(step))

    with pytest.raises(EndedError):
        cancel(world, job)

    stored = world.job(job.job_id)
    assert (stored.status, stored.canceled_at) == (Status.COMPLETED, None)


def test_cancel_of_a_job_that_just_acquired_its_slot_only_marks_it() -> None:
    world = World()
    job = world.accept_job()
    before_the_next_update(world, lambda: world.app.acquire_slot.run(job, ()))

    canceled = cancel(world, job)

    assert (canceled.status, canceled.code) == (Status.SUBMITTING, None)
    assert canceled.canceled_at == world.clock()
    assert world.events.published == []
    assert_queue_counts(world.jobs)


def test_cancel_of_a_job_that_just_entered_the_queue_removes_it() -> None:
    world = World(rate_limit=RateLimit(2, 2))
    world.app.submit_job.run(Step(job_id=world.accept_job(key="ahead").job_id))
    job = world.accept_job()
    before_the_next_update(world, lambda: world.app.acquire_slot.run(job, ()))

    canceled = cancel(world, job)

    assert canceled.code is Code.CANCELED
    assert len(world.jobs.queue.shard.normal) == 0
    assert_queue_counts(world.jobs)
