"""ReceiveWebhook: wakes the waiting execution and restores a lost prediction id."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Step
from darkroom.ports import Failed, Prediction
from tests.fakes.account import Account, Made, Take
from tests.fakes.invariants import assert_claims
from tests.fakes.machine import Machine, deployment
from tests.fakes.world import World
from tests.unit.test_webhooks import signed

SECRET = "whsec_of_the_tests"


def hooked(*takes: Take) -> tuple[World, Account, Job]:
    """A job of a deployment with webhooks whose POST comes to that."""
    world, account = deployment()
    world.flag_store.set(webhook_url="https://api.test")
    account.takes = list(takes)
    job = world.accepted()
    account.asking = job.job_id
    return world, account, job


def submit(world: World, job: Job) -> Step:
    return world.submit_job()(Step(job_id=job.job_id))


def listens(world: World, job: Job, wake: str = "wake-1") -> None:
    """The state Listen, which has begun."""
    taken = world.jobs.update(
        job.job_id, when=[Status.SUBMITTED], absent="woken_at", wake_token=wake
    )
    assert taken is not None


def call(world: World, job: Job, made: Made, **changes: Any) -> bool:
    """The provider calls; `changes` are of the request."""
    body = json.dumps({"id": made.prediction_id, "status": "completed"}).encode()
    at = int(world.clock().timestamp())
    headers = {
        "webhook-id": made.prediction_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signed(body, SECRET, made.prediction_id, at),
    }
    asked = {"job_id": job.job_id, "token": made.token, "headers": headers, "body": body} | changes
    return world.receive_webhook()(**asked)


def test_a_wait_that_has_begun_ends_now() -> None:
    world, account, job = hooked()
    submit(world, job)
    listens(world, job)

    assert call(world, job, account.made[0])

    assert world.workflow.woken == ["wake-1"]
    assert world.job(job.job_id).woken_at == world.clock()
    assert world.job(job.job_id).status is Status.SUBMITTED, "the check that follows decides"
    assert world.metrics.total("WebhooksAccepted") == 1


def test_one_that_comes_before_the_wait_keeps_it_from_beginning() -> None:
    world, account, job = hooked()
    submit(world, job)

    call(world, job, account.made[0])

    assert world.workflow.woken == []
    begun = world.jobs.update(
        job.job_id, when=[Status.SUBMITTED], absent="woken_at", wake_token="wake-1"
    )
    assert begun is None


def test_after_the_check_the_next_wait_can_begin_and_be_woken() -> None:
    world, account, job = hooked()
    account.seconds = 1000
    step = submit(world, job)
    listens(world, job, "wake-1")
    call(world, job, account.made[0])
    world.clock.advance(1)

    step = world.check_job()(step)
    assert step.await_webhook
    listens(world, job, "wake-2")
    call(world, job, account.made[0])

    assert world.workflow.woken == ["wake-1", "wake-2"]


def test_one_that_comes_while_a_check_is_under_way_cuts_the_next_wait_short() -> None:
    world, account, job = hooked()
    account.seconds = 10
    step = submit(world, job)
    asking = account.check

    def ends_just_then(prediction_id: str) -> Prediction:
        answer = asking(prediction_id)
        call(world, job, account.made[0])
        return answer

    account.check = ends_just_then  # type: ignore[method-assign]
    step = world.check_job()(step)
    assert step.await_webhook

    assert world.job(job.job_id).woken_at is not None, "the wait does not begin"


def test_what_was_sent_without_a_webhook_is_not_listened_for() -> None:
    world, _, job = hooked()
    world.flag_store.set(webhook_url=None)
    step = submit(world, job)
    world.flag_store.set(webhook_url="https://api.test")

    assert not step.await_webhook
    assert not submit(world, job).await_webhook
    assert not world.check_job()(step).await_webhook


def test_the_machine_ends_as_soon_as_the_webhook_comes() -> None:
    world, account, job = hooked()
    account.seconds = 5
    machine = Machine(world)
    machine.run(4)
    world.clock.advance(6)
    call(world, job, account.made[0])

    machine.run()

    done = world.job(job.job_id)
    assert done.ended_at is not None
    assert done.status is Status.COMPLETED
    assert (done.ended_at - done.accepted_at).total_seconds() < 12


def test_without_a_webhook_it_ends_all_the_same() -> None:
    world, _, job = hooked()

    Machine(world).run()

    assert world.job(job.job_id).status is Status.COMPLETED


def test_another_predictions_end_wakes_nobody() -> None:
    world, account, job = hooked()
    submit(world, job)
    listens(world, job)
    before = world.job(job.job_id)
    stranger = account.make(job.model, job.input)

    assert call(world, job, stranger, token=account.made[0].token)

    assert (world.job(job.job_id), world.workflow.woken) == (before, [])


@pytest.mark.parametrize("end", ["completed", "broken"])
def test_of_a_job_that_has_ended_for_good_nothing_more_is_done(end: str) -> None:
    world, account, job = hooked()
    account.ends = [Failed(Code.MODERATED, "no")] if end == "broken" else []
    Machine(world).run()
    before = world.job(job.job_id)
    assert not before.is_open

    assert call(world, job, account.made[0])

    assert world.job(job.job_id) == before
    assert world.workflow.woken == []


@given(st.permutations(range(6)), st.integers(1, 3))
def test_however_often_and_in_whatever_order_they_come_each_job_is_woken_by_its_own(
    order: list[int], times: int
) -> None:
    world, account = deployment()
    world.flag_store.set(webhook_url="https://api.test")
    jobs = [world.accepted(key=f"key-{number}") for number in range(6)]
    for job in jobs:
        account.asking = job.job_id
        submit(world, job)
        listens(world, job, f"wake-{job.job_id}")

    for number in order * times:
        call(world, jobs[number], account.made[number])

    assert set(world.workflow.woken) == {f"wake-{job.job_id}" for job in jobs}
    assert list(dict.fromkeys(world.workflow.woken)) == [
        f"wake-{jobs[number].job_id}" for number in order
    ]
    assert_claims(world.jobs)


def test_a_forged_one_changes_nothing_at_all() -> None:
    world, account, job = hooked(Take.LOST)
    account.lists = False
    submit(world, job)
    records, owners = dict(world.jobs.records), dict(world.jobs.claims.owners)
    published = list(world.events.published)

    made = account.made[0]
    assert not call(world, job, made, body=b'{"id":"p-1"}')
    assert not call(world, job, made, headers={})

    assert (world.jobs.records, world.jobs.claims.owners) == (records, owners)
    assert (world.workflow.woken, world.events.published) == ([], published)
    assert [each.name for each in world.metrics.counted if "Webhook" in each.name] == [
        "WebhooksRejected"
    ] * 2


@pytest.mark.parametrize(("token", "within"), [(None, 0), ("guess", 30), ("", 30)])
def test_a_secret_that_was_changed_is_asked_for_at_once_only_for_who_knows_the_token(
    token: str | None, within: float
) -> None:
    world, account, job = hooked()
    submit(world, job)
    asked: list[float] = []

    def read(within: float) -> list[str]:
        asked.append(within)
        return ["whsec_of_yesterday"] if within == 300 else [SECRET]

    account.read = read  # type: ignore[method-assign]
    changes = {} if token is None else {"token": token}

    assert call(world, job, account.made[0], **changes)
    assert asked == [300, within]
    assert not call(world, job, account.made[0], body=b"{}", **changes)
    assert asked == [300, within] * 2


@pytest.mark.parametrize("job_id", ["", "none", "a" * 26, "../x", "A" * 26])
def test_a_job_that_is_not_there_is_no_matter(job_id: str) -> None:
    world, account, job = hooked()
    submit(world, job)

    assert call(world, job, account.made[0], job_id=job_id)
