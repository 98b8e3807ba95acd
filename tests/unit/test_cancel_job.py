"""CancelJob: uncharged before the submit; later, the result is stored and the job ends canceled."""

from typing import Any

import pytest

from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.errors import Charged, Code, EndedError, NotFoundError
from darkroom.domain.events import JobFailed
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Failed
from tests.fakes.images import PNG
from tests.fakes.provider import OUTPUT
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


def test_job_canceled_in_the_queue_is_never_submitted() -> None:
    world = World()
    job = world.accept_job()
    cancel(world, job)

    step = world.app.submit_job.run(Step(job_id=job.job_id))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert world.provider.posts == []


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

    step = world.app.finalize_job.run(world.app.check_job.run(step))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    stored = world.job(job.job_id)
    assert (stored.status, stored.code) == (Status.FAILED, Code.CANCELED)
    assert world.assets.files == {asset.key: PNG for asset in stored.assets}
    assert len(stored.assets) == 1
    assert stored.stored_at == stored.ended_at == world.clock()
    assert stored.charge is Charged.YES
    event = failed_event(world, job)
    assert (event.code, event.charged) == (Code.CANCELED, Charged.YES)
    assert event.assets == stored.assets
    assert world.events.of_type("JobCompleted") == []
    assert world.metrics.total("JobsCompleted") == 0


def test_manifest_of_a_canceled_job_has_canceled_at() -> None:
    world, job, step = submitted_job()
    cancel(world, job)
    canceled_at = world.clock().isoformat()

    world.app.finalize_job.run(world.app.check_job.run(step))

    [manifest] = world.assets.documents.values()
    assert manifest["canceled_at"] == canceled_at


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


def test_repeated_cancel_after_the_end_returns_the_ended_job() -> None:
    world, job, step = submitted_job()
    cancel(world, job)
    world.app.finalize_job.run(world.app.check_job.run(step))

    assert cancel(world, job) == world.job(job.job_id)


def test_job_of_another_caller_is_not_found() -> None:
    world = World()
    job = world.accept_job(caller=of_key("ada", Role.SUBMIT))

    with pytest.raises(NotFoundError):
        cancel(world, job, of_key("bob", Role.SUBMIT))
    assert world.job(job.job_id) == job

    assert cancel(world, job, of_key("owner", Role.ADMIN)).code is Code.CANCELED


@pytest.mark.parametrize("job_id", ["none", "a" * 26, "", "../x"])
def test_missing_job_is_not_found(job_id: str) -> None:
    with pytest.raises(NotFoundError):
        World().app.cancel_job.run(TEST_CALLER, job_id)
