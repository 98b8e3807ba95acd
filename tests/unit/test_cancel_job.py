"""CancelJob: uncharged before the submit; later, the result is stored. The first write wins."""

from collections.abc import Callable
from typing import Any

import pytest

from darkroom.domain.callers import Caller
from darkroom.domain.errors import Charged, Code, EndedError
from darkroom.domain.events import JobFailed
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Accepted, Conflict, Failed, NotSent, Submission, Throttled
from tests.fakes.images import PNG
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import TEST_CALLER, World


def cancel(world: World, job: Job, caller: Caller = TEST_CALLER) -> Job:
    return world.app.cancel_job.run(caller, job.job_id)


def submitted_job() -> tuple[World, Job, Step]:
    world = World()
    world.downloads.files = {OUTPUT: PNG}
    job = world.accept_job()
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    world.clock.advance(step.wait_seconds)
    return world, job, step


def failed_event(world: World, job: Job) -> JobFailed:
    [event] = world.events.of_type("JobFailed")
    assert isinstance(event, JobFailed)
    assert event.id == f"{job.job_id}.failed"
    return event


def test_queued_job_ends_immediately_and_uncharged() -> None:
    world = World()
    job = world.accept_job()
    world.clock.advance(5)

    canceled = cancel(world, job)

    stored = world.job(job.job_id)
    assert (canceled.status, canceled.code) == (Status.FAILED, Code.CANCELED)
    assert stored.ended_at == stored.published_at == world.clock()
    assert stored.charge is Charged.NO
    event = failed_event(world, job)
    assert (event.code, event.charged, event.assets) == (Code.CANCELED, Charged.NO, ())
    assert world.metrics.total("JobsFailed") == 1


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.SUBMITTED])
def test_submitted_job_stays_open_and_is_marked_as_canceled(status: Status) -> None:
    world = World()
    job = world.accept_job()
    world.jobs.update(job.job_id, when=OPEN, status=status, submitting_at=world.clock())

    canceled = cancel(world, job)

    assert canceled == world.job(job.job_id)
    assert (canceled.status, canceled.canceled_at) == (status, world.clock())
    assert canceled.is_open
    assert world.events.published == []


def test_later_result_of_a_canceled_job_is_stored_and_charged() -> None:
    world, job, step = submitted_job()
    cancel(world, job)

    canceled_at = world.clock()
    step = world.app.finalize_job.run(world.app.check_job.run(step))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    stored = world.job(job.job_id)
    assert (stored.status, stored.code) == (Status.FAILED, Code.CANCELED)
    assert cancel(world, job) == stored, "a repeated cancel returns the ended job"
    [manifest] = world.assets.documents.values()
    assert manifest["canceled_at"] == canceled_at.isoformat()
    assert world.assets.files == {asset.key: PNG for asset in stored.assets}
    assert len(stored.assets) == 1
    assert stored.stored_at == stored.ended_at == world.clock()
    assert stored.charge is Charged.YES
    event = failed_event(world, job)
    assert (event.code, event.charged) == (Code.CANCELED, Charged.YES)
    assert event.assets == stored.assets
    assert world.events.of_type("JobCompleted") == []
    assert world.metrics.total("JobsCompleted") == 0


def test_canceled_job_that_fails_at_the_provider_ends_with_that_code() -> None:
    world, job, step = submitted_job()
    cancel(world, job)
    world.provider.predictions = [Failed(Code.MODERATED, "refused")]

    step = world.app.check_job.run(step)
    assert step.code is not None
    world.app.end_job.fail(job.job_id, step.code)

    event = failed_event(world, job)
    assert (event.code, event.assets) == (Code.MODERATED, ())
    assert world.job(job.job_id).detail == "refused"


@pytest.mark.parametrize(
    "end", [{"status": Status.COMPLETED}, {"status": Status.FAILED, "code": Code.MODERATED}]
)
def test_cancel_of_an_ended_job_raises_ended_error(end: dict[str, Any]) -> None:
    world = World()
    job = world.accept_job()
    before = world.jobs.update(job.job_id, when=OPEN, **end)

    with pytest.raises(EndedError):
        cancel(world, job)

    assert world.job(job.job_id) == before
    assert world.events.published == []


@pytest.mark.parametrize("status", OPEN)
def test_cancel_is_idempotent(status: Status) -> None:
    world = World()
    job = world.accept_job()
    world.jobs.update(job.job_id, when=OPEN, status=status)

    first = cancel(world, job)
    world.clock.advance(60)
    second = cancel(world, job)

    assert second.revision == first.revision
    assert second.canceled_at == first.canceled_at
    assert len(world.events.published) == (1 if status is Status.QUEUED else 0)


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
