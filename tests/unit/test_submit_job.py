"""SubmitJob: what each answer of the provider comes to, and that no re-run sends a second POST."""

import hashlib
from datetime import timedelta

import pytest

from darkroom.domain.errors import Charged, Code
from darkroom.domain.events import JobSubmitted
from darkroom.domain.job import Job, Status
from darkroom.domain.job_events import failed
from darkroom.domain.references import S3Object
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Accepted, NotSent, Refused, Submission, Throttled
from tests.fakes.pictures import PNG
from tests.fakes.provider import PREDICTION
from tests.fakes.world import DEADLINE, MAX_QUEUE, World


def submit(world: World, job: Job) -> Step:
    return world.submit_job()(Step(job_id=job.job_id))


def answering(*answers: Submission) -> tuple[World, Job]:
    world = World()
    world.provider.submissions = list(answers)
    return world, world.accepted()


def test_an_accepted_job_waits_until_it_may_be_done() -> None:
    world, job = answering(Accepted("p-1"))

    step = submit(world, job)

    assert (step.outcome, step.wait_seconds) == (Outcome.SUBMITTED, 21)
    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.SUBMITTED, "p-1")
    assert stored.submitting_at == stored.submitted_at == world.clock()
    assert stored.submit_attempts == 1
    assert world.provider.posts == [(job.model, job.input)]
    [event] = world.events.published
    assert isinstance(event, JobSubmitted)
    assert (event.id, event.prediction_id) == (f"{job.job_id}.submitted", "p-1")


def test_the_first_wait_ends_at_a_short_deadline() -> None:
    world = World()
    job = world.accepted(
        {"operation": "text-to-image", "prompt": "x", "quality": "high", "resolution": "4k",
         "deadline_seconds": 40}
    )  # fmt: skip

    assert submit(world, job).wait_seconds == 40


def test_s3_references_are_presigned_at_submit_and_never_stored() -> None:
    world = World()
    world.references.objects["public", "a.png"] = [PNG]
    url = "https://example.com/b.png?x=1"
    job = world.accepted({"operation": "edit", "prompt": "x", "images": ["s3://public/a.png", url]})

    submit(world, job)

    [(_, sent)] = world.provider.posts
    seconds = DEADLINE + 3600
    presigned = f"https://public.s3.test/a.png?versionId=v1&X-Amz-Expires={seconds}"
    assert sent == job.input | {"images": [presigned, url]}
    assert "X-Amz" not in world.job(job.job_id).model_dump_json()
    assert job.references[0] == S3Object(bucket="public", key="a.png", version_id="v1")


def test_a_request_that_never_left_is_sent_again_later() -> None:
    world, job = answering(NotSent(), NotSent(), Accepted(PREDICTION))

    first = submit(world, job)
    assert (first.outcome, first.wait_seconds) == (Outcome.DEFERRED, 5)
    stored = world.job(job.job_id)
    assert (stored.status, stored.submitting_at) == (Status.QUEUED, None)
    assert not stored.was_sent
    second = submit(world, job)
    third = submit(world, job)

    assert (second.outcome, second.wait_seconds) == (Outcome.DEFERRED, 10)
    assert third.outcome is Outcome.SUBMITTED
    assert world.job(job.job_id).submit_attempts == 3


@pytest.mark.parametrize(("retry_after", "seconds"), [(7, 7), (None, 60), (0, 1)])
def test_a_throttled_job_waits_as_it_was_told_and_so_does_everybody(
    retry_after: int | None, seconds: int
) -> None:
    world, job = answering(Throttled(retry_after), Accepted(PREDICTION))

    step = submit(world, job)

    assert (step.outcome, step.wait_seconds) == (Outcome.DEFERRED, seconds)
    stored = world.job(job.job_id)
    assert (stored.status, stored.was_sent) == (Status.QUEUED, False)
    assert stored.is_waiting
    if seconds > 1:
        other = submit(world, world.accepted(key="another"))
        assert (other.outcome, other.wait_seconds) == (Outcome.DEFERRED, seconds)
    assert len(world.provider.posts) == 1
    assert world.metrics.total("Throttled") == 1


def test_who_is_put_off_very_often_comes_back_less_often() -> None:
    world, job = answering(Throttled(1))
    step = Step(job_id=job.job_id)
    waits = []
    for _ in range(100):
        step = world.submit_job()(step)
        waits.append(step.wait_seconds)
        world.clock.advance(step.wait_seconds)

    assert step.deferrals == 100
    assert waits[:30] == [1] * 30
    assert waits == sorted(waits)
    assert waits[-1] == 3


def test_a_wait_never_outlasts_the_queue_and_then_the_job_is_given_up() -> None:
    world, job = answering(Throttled(86_400))

    step = submit(world, job)
    assert step.wait_seconds == MAX_QUEUE + 1
    world.clock.advance(step.wait_seconds)
    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.PROVIDER_UNAVAILABLE)
    assert len(world.provider.posts) == 1
    world.end_job().fail(job.job_id, Code.PROVIDER_UNAVAILABLE)
    assert failed(world.job(job.job_id)).charged is Charged.NO


@pytest.mark.parametrize(
    "code", [Code.MODERATED, Code.INVALID_REQUEST, Code.REJECTED, Code.UNAUTHORIZED]
)
def test_a_refusal_keeps_the_providers_words_in_the_record_only(code: Code) -> None:
    world, job = answering(Refused(code, "the provider's words"))

    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, code)
    assert "words" not in step.model_dump_json()
    assert world.job(job.job_id).detail == "the provider's words"


def test_a_rerun_after_success_says_the_same_and_sends_nothing() -> None:
    world, job = answering(Accepted(PREDICTION))
    first = submit(world, job)

    assert submit(world, job) == first

    assert len(world.provider.posts) == 1
    assert {event.id for event in world.events.published} == {f"{job.job_id}.submitted"}


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (Status.SUBMITTING, Outcome.DEFERRED, None),
        (Status.SUBMITTED, Outcome.SUBMITTED, None),
        (Status.COMPLETED, Outcome.STORED, None),
        (Status.FAILED, Outcome.FAILED, Code.CANCELED),
    ],
)
def test_a_job_found_in_another_status_is_only_reported(
    status: Status, outcome: Outcome, code: Code | None
) -> None:
    world, job = answering(Accepted(PREDICTION))
    world.jobs.update(job.job_id, when=[Status.QUEUED], status=status, code=Code.CANCELED)

    step = submit(world, job)

    assert (step.outcome, step.code) == (outcome, code)
    assert world.provider.posts == []


def stopped_during_the_post(world: World, job: Job) -> None:
    submitting = world.provider.submit

    def stopped_meanwhile(
        model: str, model_input: dict[str, object], webhook: str | None = None
    ) -> Submission:
        world.end_job().fail(job.job_id, Code.CANCELED)
        return submitting(model, model_input, webhook)

    world.provider.submit = stopped_meanwhile  # type: ignore[method-assign]


def test_a_job_stopped_during_the_post_keeps_what_it_paid_for_and_is_looked_after() -> None:
    world, job = answering(Accepted("p-1"))
    stopped_during_the_post(world, job)

    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.CANCELED)
    stored = world.job(job.job_id)
    assert (stored.status, stored.prediction_id) == (Status.FAILED, "p-1")
    assert stored.sweep_after == world.clock()
    assert world.jobs.claims.owner("p-1") == job.job_id


@pytest.mark.parametrize("answer", [NotSent(), Throttled(5)])
def test_a_job_stopped_during_a_deferred_post_stays_stopped(answer: Submission) -> None:
    world, job = answering(answer)
    stopped_during_the_post(world, job)

    assert submit(world, job).code is Code.CANCELED
    assert len(world.provider.posts) == 1


def test_a_job_without_a_record_sends_nothing_and_fails() -> None:
    world = World()

    step = world.submit_job()(Step(job_id="none"))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.INTERNAL_ERROR)
    assert world.provider.posts == []


def test_time_in_the_queue_does_not_count_against_the_deadline() -> None:
    world, job = answering(Throttled(60), Accepted(PREDICTION))
    submit(world, job)
    world.clock.advance(DEADLINE + 1)

    step = submit(world, job)

    assert step.outcome is Outcome.SUBMITTED
    assert world.job(job.job_id).submitted_at == job.accepted_at + timedelta(seconds=DEADLINE + 1)


def test_what_was_sent_is_known_again_by_the_digests_of_its_images() -> None:
    world = World()
    url = "https://example.com/b.png?x=1"
    job = world.accepted({"operation": "edit", "prompt": "x", "images": [url]})

    submit(world, job)

    assert world.job(job.job_id).sent_images == (hashlib.sha256(url.encode()).hexdigest(),)
