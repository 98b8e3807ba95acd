"""SubmitJob and the owner's switches: whether anything is sent, and whether the provider calls."""

from darkroom.domain.errors import Code
from darkroom.domain.steps import Outcome
from darkroom.ports import Accepted, NotSent
from tests.fakes.provider import PREDICTION
from tests.fakes.world import MAX_QUEUE, TEXT_TO_IMAGE, World
from tests.unit.test_submit_job import answering, submit


def test_without_webhooks_the_provider_is_given_no_url_and_the_wait_is_a_plain_one() -> None:
    world, job = answering(Accepted(PREDICTION))

    step = submit(world, job)

    assert world.provider.webhooks == [None]
    assert (step.webhook, step.await_webhook) == (False, False)


def test_with_webhooks_the_url_names_the_job_and_this_very_post() -> None:
    world, job = answering(NotSent(), Accepted(PREDICTION))
    world.flag_store.set(webhook_url="https://api.test/prod")

    submit(world, job)
    first = world.job(job.job_id).submit_token
    step = submit(world, job)
    second = world.job(job.job_id).submit_token

    root = f"https://api.test/prod/webhooks/wavespeed/{job.job_id}?token="
    assert first != second
    assert world.provider.webhooks == [f"{root}{first}", f"{root}{second}"]
    assert (step.webhook, step.await_webhook) == (True, True)


def test_nobody_listens_beyond_the_deadline() -> None:
    world = World()
    world.flag_store.set(webhook_url="https://api.test")
    job = world.accepted(TEXT_TO_IMAGE | {"deadline_seconds": 60})

    step = submit(world, job)

    assert (step.webhook, step.await_webhook, step.wait_seconds) == (True, True, 60)


def test_the_owner_stops_all_submits_and_nothing_else() -> None:
    world, job = answering(Accepted("p-1"), Accepted("p-2"))
    sent = submit(world, world.accepted(key="sent before"))
    world.flag_store.set(submits=False)

    step = submit(world, job)

    assert (step.outcome, step.wait_seconds, step.deferred_by) == (Outcome.DEFERRED, 45, None)
    assert len(world.provider.posts) == 1
    assert world.metrics.total("SubmitsDisabled") == 1
    assert world.check_job()(sent).outcome is Outcome.READY

    world.flag_store.set(submits=True)
    assert submit(world, job).outcome is Outcome.SUBMITTED


def test_a_job_that_the_owner_never_lets_go_fails_in_the_end_and_was_free() -> None:
    world, job = answering(Accepted(PREDICTION))
    world.flag_store.set(submits=False)
    world.clock.advance(MAX_QUEUE + 1)

    step = submit(world, job)

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.PROVIDER_UNAVAILABLE)
    assert world.provider.posts == []
