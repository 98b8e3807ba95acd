"""CancelJob beside a step that works at the same moment: whoever writes first counts."""

from collections.abc import Callable
from typing import Any

import pytest

from darkroom.domain.errors import Charged, Code, EndedError
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import Accepted, Conflict, NotSent, Submission, Throttled, Unknown
from tests.fakes.invariants import assert_counts
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import World
from tests.unit.test_cancel_job import cancel, ended, submitted


def during_post(world: World, act: Callable[[], object]) -> None:
    """Do something while the next POST is under way."""
    submitting = world.provider.submit

    def submit(model: str, model_input: dict[str, Any], webhook: str | None = None) -> Submission:
        world.provider.submit = submitting  # type: ignore[method-assign]
        act()
        return submitting(model, model_input, webhook)

    world.provider.submit = submit  # type: ignore[method-assign]


def before_the_next_change(world: World, act: Callable[[], object]) -> None:
    """Do something just before the next change of a record."""
    transact = world.jobs.transact

    def later(*arguments: Any, **change: Any) -> Job | Conflict:
        world.jobs.transact = transact  # type: ignore[method-assign]
        act()
        return transact(*arguments, **change)

    world.jobs.transact = later  # type: ignore[method-assign]


@pytest.mark.parametrize("answer", [NotSent(), Throttled(5)])
def test_a_post_that_took_nothing_is_not_sent_again(answer: Submission) -> None:
    world = World()
    world.provider.submissions = [answer, Accepted(PREDICTION)]
    job = world.accepted()
    during_post(world, lambda: cancel(world, job))

    step = world.submit_job()(Step(job_id=job.job_id))
    assert step.code is not None
    world.end_job().fail(job.job_id, step.code)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert len(world.provider.posts) == 1
    event = ended(world, job)
    assert (event.code, event.charged) == (Code.CANCELED, Charged.NO)


def test_a_crash_after_the_way_back_does_not_send_what_was_canceled_meanwhile() -> None:
    world = World()
    job = world.accepted()
    admitted = world.acquire_slot()(job, ())
    assert isinstance(admitted, Job)
    cancel(world, job)
    assert world.acquire_slot().put_back(admitted) is not None  # and here the function dies

    step = world.submit_job()(Step(job_id=job.job_id))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert world.provider.posts == []


def test_a_post_that_was_taken_meanwhile_is_followed_to_its_end() -> None:
    world = World()
    world.downloads.files = {OUTPUT: PNG}
    job = world.accepted()
    during_post(world, lambda: cancel(world, job))

    step = world.submit_job()(Step(job_id=job.job_id))
    step = world.finalize_job()(world.check_job()(step))

    assert step.code is Code.CANCELED
    assert world.job(job.job_id).prediction_id == PREDICTION
    assert len(ended(world, job).assets) == 1


def test_a_post_of_unknown_outcome_stays_unknown() -> None:
    world = World()
    world.provider.submissions = [Unknown()]
    job = world.accepted()
    during_post(world, lambda: cancel(world, job))

    step = world.submit_job()(Step(job_id=job.job_id))
    assert step.outcome is Outcome.DEFERRED, "it is looked for"
    world.clock.advance(120)

    assert world.submit_job()(step).code is Code.SUBMISSION_UNKNOWN


def test_of_a_cancel_and_a_completion_the_first_one_counts() -> None:
    world, job, step = submitted()
    step = world.check_job()(step)
    before_the_next_change(world, lambda: cancel(world, job))

    step = world.finalize_job()(step)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    stored = world.job(job.job_id)
    assert (stored.status, stored.canceled_at) == (Status.FAILED, world.clock())
    assert ended(world, job).assets == stored.assets != ()
    assert world.events.named("JobCompleted") == []


def test_a_cancel_that_comes_just_after_the_completion_is_too_late() -> None:
    world, job, step = submitted()
    step = world.check_job()(step)
    before_the_next_change(world, lambda: world.finalize_job()(step))

    with pytest.raises(EndedError):
        cancel(world, job)

    stored = world.job(job.job_id)
    assert (stored.status, stored.canceled_at) == (Status.COMPLETED, None)


def test_a_job_that_leaves_the_queue_while_it_is_canceled_is_marked_instead() -> None:
    world = World()
    job = world.accepted()
    before_the_next_change(world, lambda: world.acquire_slot()(job, ()))

    canceled = cancel(world, job)

    assert (canceled.status, canceled.code) == (Status.SUBMITTING, None)
    assert canceled.canceled_at == world.clock()
    assert world.events.published == []
    assert_counts(world.jobs)


def test_a_job_that_takes_its_place_in_the_line_while_it_is_canceled_leaves_it_again() -> None:
    world = World(rate_limit=RateLimit(2, 2))
    world.submit_job()(Step(job_id=world.accepted(key="ahead").job_id))
    job = world.accepted()
    before_the_next_change(world, lambda: world.acquire_slot()(job, ()))

    canceled = cancel(world, job)

    assert canceled.code is Code.CANCELED
    assert len(world.jobs.queue.shard.normal) == 0
    assert_counts(world.jobs)
