"""SubmitJob: the result of each provider response, and that no rerun sends a second POST."""

import hashlib
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobSubmitted
from darkroom.domain.job import Job, Status
from darkroom.domain.job_events import failed
from darkroom.domain.references import S3Object
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Accepted, NotSent, Refused, Submission, Throttled
from tests.fakes.images import PNG
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import DEADLINE, MAX_QUEUE, TEXT_TO_IMAGE, World


def submit(world: World, job: Job) -> Step:
    return world.app.submit_job.run(Step(job_id=job.job_id))


def queued_job(*responses: Submission) -> tuple[World, Job]:
    world = World()
    world.provider.submissions = list(responses)
    return world, world.accept_job()


def test_accepted_job_waits_for_its_first_poll() -> None:
    world, job = queued_job(Accepted("p-1"))

    step = submit(world, job)

    assert (step.outcome, step.wait_seconds) == (Outcome.PROCESSING, 21)
    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert stored.submitting_at == stored.submitted_at == world.clock()
    assert stored.submit_attempts == 1
    assert world.provider.posts == [(job.model, job.input)]
    [event] = world.events.published
    assert isinstance(event, JobSubmitted)
    assert (event.id, event.prediction_id) == (f"{job.job_id}.submitted", "p-1")


def test_first_wait_ends_at_a_short_deadline() -> None:
    world = World()
    job = world.accept_job(
        {"operation": "text-to-image", "prompt": "x", "quality": "high", "resolution": "4k",
         "deadline_seconds": 40}
    )  # fmt: skip

    assert submit(world, job).wait_seconds == 40


def test_s3_references_are_presigned_at_submit_and_not_stored() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG]
    url = "https://example.com/b.png?x=1"
    job = world.accept_job(
        {"operation": "edit", "prompt": "x", "images": ["s3://public/a.png", url]}
    )

    submit(world, job)

    [(_, body)] = world.provider.posts
    seconds = DEADLINE + 3600
    presigned = f"https://public.s3.test/a.png?versionId=v1&X-Amz-Expires={seconds}"
    assert body == job.input | {"images": [presigned, url]}
    stored = world.job(job.job_id)
    assert "X-Amz" not in stored.model_dump_json()
    digests = [hashlib.sha256(sent.encode()).hexdigest() for sent in (presigned, url)]
    assert stored.sent_images == tuple(digests)
    assert job.references[0] == S3Object(bucket="public", key="a.png", version_id="v1")


def test_unsent_request_is_retried_later() -> None:
    world, job = queued_job(NotSent(), NotSent(), Accepted(PREDICTION))

    first = submit(world, job)
    assert (first.outcome, first.wait_seconds) == (Outcome.DEFERRED, 5)
    stored = world.job(job.job_id)
    assert (stored.status, stored.submitting_at) == (Status.QUEUED, None)
    assert not stored.was_sent
    second = submit(world, job)
    third = submit(world, job)

    assert (second.outcome, second.wait_seconds) == (Outcome.DEFERRED, 10)
    assert third.outcome is Outcome.PROCESSING
    assert world.job(job.job_id).submit_attempts == 3


@pytest.mark.parametrize(("retry_after", "seconds"), [(7, 7), (None, 60), (0, 1)])
def test_429_defers_every_job_by_retry_after(retry_after: int | None, seconds: int) -> None:
    world, job = queued_job(Throttled(retry_after), Accepted(PREDICTION))

    step = submit(world, job)

    assert (step.outcome, step.wait_seconds) == (Outcome.DEFERRED, seconds)
    stored = world.job(job.job_id)
    assert (stored.status, stored.was_sent) == (Status.QUEUED, False)
    assert stored.is_in_queue
    if seconds > 1:
        other = submit(world, world.accept_job(key="another"))
        assert (other.outcome, other.wait_seconds) == (Outcome.DEFERRED, seconds)
    assert len(world.provider.posts) == 1
    assert world.metrics.total("Throttled") == 1


def test_waits_grow_after_many_deferrals() -> None:
    world, job = queued_job(Throttled(1))
    step = Step(job_id=job.job_id)
    waits = []
    for _ in range(100):
        step = world.app.submit_job.run(step)
        waits.append(step.wait_seconds)
        world.clock.advance(step.wait_seconds)

    assert step.deferrals == 100
    assert waits[:30] == [1] * 30
    assert waits == sorted(waits)
    assert waits[-1] == 3


def test_job_fails_uncharged_after_the_maximum_queue_time() -> None:
    world, job = queued_job(Throttled(86_400))

    step = submit(world, job)
    assert step.wait_seconds == MAX_QUEUE + 1
    world.clock.advance(step.wait_seconds)
    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.PROVIDER_UNAVAILABLE)
    assert len(world.provider.posts) == 1
    world.app.end_job.fail(job.job_id, Code.PROVIDER_UNAVAILABLE)
    assert failed(world.job(job.job_id)).charged is Charged.NO


@pytest.mark.parametrize(
    "code", [Code.MODERATED, Code.INVALID_REQUEST, Code.REJECTED, Code.UNAUTHORIZED]
)
def test_refusal_detail_is_stored_only_in_the_record(code: Code) -> None:
    world, job = queued_job(Refused(code, "the provider's message"))

    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, code)
    assert "message" not in step.model_dump_json()
    assert world.job(job.job_id).detail == "the provider's message"


def test_rerun_after_success_is_idempotent() -> None:
    world, job = queued_job(Accepted(PREDICTION))
    first = submit(world, job)

    assert submit(world, job) == first

    assert len(world.provider.posts) == 1
    assert {event.id for event in world.events.published} == {f"{job.job_id}.submitted"}


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (Status.SUBMITTING, Outcome.DEFERRED, None),
        (Status.SUBMITTED, Outcome.PROCESSING, None),
        (Status.COMPLETED, Outcome.STORED, None),
        (Status.FAILED, Outcome.FAILED, Code.CANCELED),
    ],
)
def test_job_in_another_status_is_not_sent(
    status: Status, outcome: Outcome, code: Code | None
) -> None:
    world, job = queued_job(Accepted(PREDICTION))
    world.jobs.update(job.job_id, when=[Status.QUEUED], status=status, code=Code.CANCELED)

    step = submit(world, job)

    assert (step.outcome, step.code) == (outcome, code)
    assert world.provider.posts == []


def stop_during_post(world: World, job: Job) -> None:
    submit_original = world.provider.submit

    def stop_then_submit(
        model: str, model_input: dict[str, object], webhook: str | None = None
    ) -> Submission:
        world.app.end_job.fail(job.job_id, Code.CANCELED)
        return submit_original(model, model_input, webhook)

    world.provider.submit = stop_then_submit  # type: ignore[method-assign]


def test_job_stopped_during_the_post_keeps_its_prediction_for_recovery() -> None:
    world, job = queued_job(Accepted("p-1"))
    stop_during_post(world, job)

    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.FAILED, "p-1")
    assert stored.sweep_after == world.clock()
    assert world.jobs.claims.owner("p-1") == job.job_id


@pytest.mark.parametrize("response", [NotSent(), Throttled(5)])
def test_job_stopped_during_an_unsuccessful_post_stays_stopped(response: Submission) -> None:
    world, job = queued_job(response)
    stop_during_post(world, job)

    assert submit(world, job).code is Code.CANCELED
    assert len(world.provider.posts) == 1


def test_job_without_a_record_fails_unsent() -> None:
    world = World()

    step = world.app.submit_job.run(Step(job_id="none"))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.INTERNAL_ERROR)
    assert world.provider.posts == []


def test_queue_time_does_not_count_against_the_deadline() -> None:
    world, job = queued_job(Throttled(60), Accepted(PREDICTION))
    submit(world, job)
    world.clock.advance(DEADLINE + 1)

    step = submit(world, job)

    assert step.outcome is Outcome.PROCESSING
    assert world.job(job.job_id).submitted_at == job.accepted_at + timedelta(seconds=DEADLINE + 1)


def test_submit_without_webhooks_sends_no_url_and_waits_without_a_token() -> None:
    world, job = queued_job(Accepted(PREDICTION))

    step = submit(world, job)

    assert world.provider.webhooks == [None]
    assert step.outcome is Outcome.PROCESSING


def test_webhook_url_has_the_job_id_and_a_token_per_post() -> None:
    world, job = queued_job(NotSent(), Accepted(PREDICTION))
    world.flag_store.set(webhook_url="https://api.test/prod")

    submit(world, job)
    first = world.job(job.job_id).submit_token
    step = submit(world, job)
    second = world.job(job.job_id).submit_token

    root = f"https://api.test/prod/webhooks/wavespeed/{job.job_id}?token="
    assert first != second
    assert world.provider.webhooks == [f"{root}{first}", f"{root}{second}"]
    assert step.outcome is Outcome.AWAITING_WEBHOOK


def test_submitted_job_needs_no_flags() -> None:
    """The flags become unreadable while the provider accepts the POST."""
    world, job = queued_job(Accepted(PREDICTION))
    world.downloads.files = {OUTPUT: PNG}
    submit_original, lost = world.provider.submit, LookupError("no parameter")

    def lose_flags_then_submit(*post: Any) -> Submission:
        world.flag_store.read = Mock(side_effect=lost)  # type: ignore[method-assign]
        return submit_original(*post)

    world.provider.submit = lose_flags_then_submit  # type: ignore[assignment,method-assign]

    step = world.app.check_job.run(submit(world, job))

    assert world.app.finalize_job.run(step).outcome is Outcome.STORED


def test_webhook_wait_ends_at_the_deadline() -> None:
    world = World()
    world.flag_store.set(webhook_url="https://api.test")
    job = world.accept_job(TEXT_TO_IMAGE | {"deadline_seconds": 60})

    step = submit(world, job)

    assert (step.outcome, step.wait_seconds) == (Outcome.AWAITING_WEBHOOK, 60)


def test_submits_flag_defers_submits_but_not_checks() -> None:
    world, job = queued_job(Accepted("p-1"), Accepted("p-2"))
    sent = submit(world, world.accept_job(key="sent before"))
    world.flag_store.set(submits=False)

    step = submit(world, job)

    assert (step.outcome, step.wait_seconds, step.deferred_by) == (Outcome.DEFERRED, 45, None)
    assert len(world.provider.posts) == 1
    assert world.metrics.total("SubmitsDisabled") == 1
    assert world.app.check_job.run(sent).outcome is Outcome.READY

    world.flag_store.set(submits=True)
    assert submit(world, job).outcome is Outcome.PROCESSING
