"""CancelJob: free before the submit; after it, what comes is filed and the job ends canceled."""

from typing import Any

import pytest

from darkroom.domain.callers import Caller, Role, of_key
from darkroom.domain.errors import Charged, Code, EndedError, NotFoundError
from darkroom.domain.events import JobFailed
from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Failed
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TESTS, World


def cancel(world: World, job: Job, caller: Caller = TESTS) -> Job:
    return world.cancel_job()(caller, job.job_id)


def submitted() -> tuple[World, Job, Step]:
    world = World()
    world.downloads.files = {OUTPUT: PNG}
    job = world.accepted()
    step = world.submit_job()(Step(job_id=job.job_id))
    world.clock.advance(step.wait_seconds)
    return world, job, step


def ended(world: World, job: Job) -> JobFailed:
    [event] = world.events.named("JobFailed")
    assert isinstance(event, JobFailed)
    assert event.id == f"{job.job_id}.failed"
    return event


def test_a_queued_job_ends_at_once_and_costs_nothing() -> None:
    world = World()
    job = world.accepted()
    world.clock.advance(5)

    canceled = cancel(world, job)

    stored = world.job(job.job_id)
    assert (canceled.status, canceled.code) == (Status.FAILED, Code.CANCELED)
    assert stored.ended_at == stored.published_at == world.clock()
    assert stored.charge is Charged.NO
    event = ended(world, job)
    assert (event.code, event.charged, event.assets) == (Code.CANCELED, Charged.NO, ())
    assert world.metrics.total("JobsFailed") == 1


def test_a_job_that_was_canceled_in_the_queue_is_never_sent() -> None:
    world = World()
    job = world.accepted()
    cancel(world, job)

    step = world.submit_job()(Step(job_id=job.job_id))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    assert world.provider.posts == []


@pytest.mark.parametrize("status", [Status.SUBMITTING, Status.SUBMITTED])
def test_a_job_that_may_be_paid_for_stays_open_and_is_only_marked(status: Status) -> None:
    world = World()
    job = world.accepted()
    world.jobs.update(job.job_id, when=OPEN, status=status, submitting_at=world.clock())

    canceled = cancel(world, job)

    assert canceled == world.job(job.job_id)
    assert (canceled.status, canceled.canceled_at) == (status, world.clock())
    assert canceled.is_open
    assert world.events.published == []


def test_a_result_that_comes_later_is_filed_and_was_paid_for() -> None:
    world, job, step = submitted()
    cancel(world, job)

    step = world.finalize_job()(world.check_job()(step))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    stored = world.job(job.job_id)
    assert (stored.status, stored.code) == (Status.FAILED, Code.CANCELED)
    assert world.assets.files == {asset.key: PNG for asset in stored.assets}
    assert len(stored.assets) == 1
    assert stored.stored_at == stored.ended_at == world.clock()
    assert stored.charge is Charged.YES
    event = ended(world, job)
    assert (event.code, event.charged) == (Code.CANCELED, Charged.YES)
    assert event.assets == stored.assets
    assert world.events.named("JobCompleted") == []
    assert world.metrics.total("JobsCompleted") == 0


def test_the_manifest_of_what_nobody_waits_for_says_when_it_was_canceled() -> None:
    world, job, step = submitted()
    cancel(world, job)
    moment = world.clock().isoformat()

    world.finalize_job()(world.check_job()(step))

    [manifest] = world.assets.documents.values()
    assert manifest["canceled_at"] == moment


def test_a_canceled_job_that_fails_at_the_provider_ends_with_the_providers_code() -> None:
    world, job, step = submitted()
    cancel(world, job)
    world.provider.predictions = [Failed(Code.MODERATED, "refused")]

    step = world.check_job()(step)
    assert step.code is not None
    world.end_job().fail(job.job_id, step.code)

    event = ended(world, job)
    assert (event.code, event.assets) == (Code.MODERATED, ())
    assert world.job(job.job_id).detail == "refused"


@pytest.mark.parametrize(
    "end", [{"status": Status.COMPLETED}, {"status": Status.FAILED, "code": Code.MODERATED}]
)
def test_a_job_that_has_ended_cannot_be_canceled(end: dict[str, Any]) -> None:
    world = World()
    job = world.accepted()
    before = world.jobs.update(job.job_id, when=OPEN, **end)

    with pytest.raises(EndedError):
        cancel(world, job)

    assert world.job(job.job_id) == before
    assert world.events.published == []


@pytest.mark.parametrize("status", OPEN)
def test_canceled_twice_is_canceled_once(status: Status) -> None:
    world = World()
    job = world.accepted()
    world.jobs.update(job.job_id, when=OPEN, status=status)

    first = cancel(world, job)
    world.clock.advance(60)
    again = cancel(world, job)

    assert again.revision == first.revision
    assert again.canceled_at == first.canceled_at
    assert len(world.events.published) == (1 if status is Status.QUEUED else 0)


def test_a_cancel_that_comes_again_after_the_end_tells_that_end() -> None:
    world, job, step = submitted()
    cancel(world, job)
    world.finalize_job()(world.check_job()(step))

    assert cancel(world, job) == world.job(job.job_id)


def test_another_callers_job_is_not_there() -> None:
    world = World()
    job = world.accepted(caller=of_key("mine", Role.SUBMIT))

    with pytest.raises(NotFoundError):
        cancel(world, job, of_key("other", Role.SUBMIT))
    assert world.job(job.job_id) == job

    assert cancel(world, job, of_key("owner", Role.ADMIN)).code is Code.CANCELED


@pytest.mark.parametrize("job_id", ["none", "a" * 26, "", "../x"])
def test_a_job_that_is_not_there_is_not_found(job_id: str) -> None:
    with pytest.raises(NotFoundError):
        World().cancel_job()(TESTS, job_id)
