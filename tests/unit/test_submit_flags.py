"""SubmitJob and the runtime flags: submits enabled or disabled, and the webhook URL."""

from darkroom.domain.errors import Code
from darkroom.domain.steps import Outcome
from darkroom.ports import Accepted, NotSent
from tests.fakes.provider import PREDICTION
from tests.fakes.world import MAX_QUEUE, TEXT_TO_IMAGE, World
from tests.unit.test_submit_job import queued_job, submit


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


def test_job_fails_unsent_after_the_maximum_queue_time_while_submits_are_disabled() -> None:
    world, job = queued_job(Accepted(PREDICTION))
    world.flag_store.set(submits=False)
    world.clock.advance(MAX_QUEUE + 1)

    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.PROVIDER_UNAVAILABLE)
    assert world.provider.posts == []
