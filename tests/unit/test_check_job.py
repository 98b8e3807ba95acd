"""CheckJob: each provider response updates the job; the deadline ends the polling."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain import polling
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Failed, Prediction, Running, Succeeded, Unreadable
from tests.fakes.machine import deployment
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.provider_account import ProviderAccount
from tests.fakes.world import DEADLINE, TEXT_TO_IMAGE, World

RUNNING = Running("processing", known=True)
UNREADABLE = Unreadable(Code.PROVIDER_UNAVAILABLE, "HTTP 502")


def submitted_job(*predictions: Prediction, **request: Any) -> tuple[World, Step]:
    world = World()
    world.provider.predictions = list(predictions)
    job = world.accept_job(TEXT_TO_IMAGE | request)
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    world.clock.advance(step.wait_seconds)
    return world, step


def check(world: World, step: Step) -> Step:
    return world.app.check_job.run(step)


def check_until_decided(world: World, step: Step, max_checks: int = 500) -> list[Step]:
    """Check until the outcome is not PROCESSING; return all steps."""
    steps = []
    for _ in range(max_checks):
        step = check(world, step)
        steps.append(step)
        if step.outcome is not Outcome.PROCESSING:
            return steps
        world.clock.advance(step.wait_seconds)
    raise AssertionError("the checks do not end")


def test_completed_prediction_makes_the_job_ready() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))

    step = check(world, step)

    assert step.outcome is Outcome.READY
    assert step.checks == 1
    job = world.job(step.job_id)
    assert (job.status, job.checks) == (Status.SUBMITTED, 1)
    assert job.provider_completed_at == world.clock()
    assert world.provider.polled == [PREDICTION]
    assert OUTPUT not in step.model_dump_json() + job.model_dump_json()


def test_waits_between_checks_of_a_running_prediction_grow() -> None:
    world, step = submitted_job(*[RUNNING] * 6, Succeeded((OUTPUT,)))

    steps = check_until_decided(world, step)

    waits = [step.wait_seconds for step in steps[:-1]]
    assert waits == sorted(waits)
    assert waits[0] >= 1
    assert steps[-1].outcome is Outcome.READY
    assert world.job(step.job_id).checks == 7


@pytest.mark.parametrize("code", [Code.MODERATED, Code.PROVIDER_FAILED])
def test_failed_prediction_fails_the_job_with_its_code_and_detail(code: Code) -> None:
    world, step = submitted_job(Failed(code, "the provider's message", Charged.YES))

    step = check(world, step)

    assert (step.outcome, step.code) == (Outcome.FAILED, code)
    assert "message" not in step.model_dump_json()
    job = world.job(step.job_id)
    assert (job.detail, job.charged, job.checks) == ("the provider's message", Charged.YES, 1)


@pytest.mark.parametrize("deadline", [30, 60, 900, 3600])
def test_endless_prediction_fails_at_the_deadline(deadline: int) -> None:
    world, step = submitted_job(RUNNING, deadline_seconds=deadline)

    steps = check_until_decided(world, step)

    assert steps[-1].code is Code.DEADLINE_EXCEEDED
    job = world.job(step.job_id)
    assert job.submitted_at is not None
    assert deadline <= (world.clock() - job.submitted_at).total_seconds() < deadline + 1
    assert len(steps) <= 25 + deadline / 30


def test_completed_prediction_is_ready_after_the_deadline() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))
    world.clock.advance(DEADLINE * 2)

    assert check(world, step).outcome is Outcome.READY


def test_unknown_status_is_counted_and_fails_at_the_deadline() -> None:
    world, step = submitted_job(Running("simmering", known=False))

    steps = check_until_decided(world, step)

    assert steps[-1].code is Code.DEADLINE_EXCEEDED
    assert world.metrics.total("UnknownStatuses") == len(steps) - 1


def test_readable_response_resets_the_unreadable_count() -> None:
    tolerated = polling.MAX_UNREADABLE - 1
    world, step = submitted_job(
        *[UNREADABLE] * tolerated, RUNNING, *[UNREADABLE] * tolerated, Succeeded((OUTPUT,))
    )

    steps = check_until_decided(world, step)

    assert steps[-1].outcome is Outcome.READY
    assert steps[tolerated].unreadable == 0
    assert world.metrics.total("UnreadableChecks") == 2 * tolerated
    assert world.metrics.total("ProviderUnreachable") == 2 * tolerated


@pytest.mark.parametrize("code", [Code.PROVIDER_UNAVAILABLE, Code.UNAUTHORIZED])
def test_too_many_consecutive_unreadable_responses_fail_with_their_code(code: Code) -> None:
    world, step = submitted_job(Unreadable(code, "HTTP 401"))

    steps = check_until_decided(world, step)

    assert len(steps) == polling.MAX_UNREADABLE
    assert steps[-1].code is code


def test_unreadable_responses_end_at_the_deadline() -> None:
    world, step = submitted_job(UNREADABLE, deadline_seconds=40)

    assert check_until_decided(world, step)[-1].code is Code.DEADLINE_EXCEEDED


def test_completed_prediction_fails_only_after_unreadable_responses_not_at_the_deadline() -> None:
    world, step = submitted_job(
        Succeeded((OUTPUT,)), UNREADABLE, UNREADABLE, Succeeded((OUTPUT,)), UNREADABLE
    )
    step = check(world, step)
    world.clock.advance(DEADLINE * 3)

    ready_steps = check_until_decided(world, step)
    failed_steps = check_until_decided(world, ready_steps[-1])

    assert ready_steps[-1].outcome is Outcome.READY
    assert failed_steps[-1].code is Code.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("prediction", [RUNNING, Running("odd", known=False)])
def test_completed_prediction_that_reports_running_again_fails_eventually(
    prediction: Running,
) -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)), prediction)
    step = check(world, step)
    completed_at = world.job(step.job_id).provider_completed_at
    world.clock.advance(60)

    steps = check_until_decided(world, step)

    assert steps[-1].code is Code.PROVIDER_UNAVAILABLE
    assert len(steps) == polling.MAX_UNREADABLE
    assert world.job(step.job_id).provider_completed_at == completed_at


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (Status.COMPLETED, Outcome.STORED, None),
        (Status.FAILED, Outcome.FAILED, Code.CANCELED),
    ],
)
def test_ended_job_is_not_polled(status: Status, outcome: Outcome, code: Code | None) -> None:
    world, step = submitted_job(RUNNING)
    world.jobs.update(step.job_id, when=[Status.SUBMITTED], status=status, code=Code.CANCELED)

    step = check(world, step)

    assert (step.outcome, step.code) == (outcome, code)
    assert world.provider.polled == []


def polling_world(run_seconds: float, **request: Any) -> tuple[World, ProviderAccount, Step]:
    """Return a submitted job that one Check polls for up to five minutes."""
    world, account = deployment(check_poll_seconds=300)
    account.run_seconds = run_seconds
    job = world.accept_job(TEXT_TO_IMAGE | request)
    step = world.app.submit_job.run(Step(job_id=job.job_id))
    world.clock.advance(step.wait_seconds)
    return world, account, step


@pytest.mark.parametrize(("run_seconds", "max_delay"), [(1, 0), (24, 1.25), (60, 1.25), (200, 30)])
def test_one_check_polls_until_the_prediction_has_finished(
    run_seconds: float, max_delay: float
) -> None:
    world, account, step = polling_world(run_seconds)
    first_poll = world.clock()

    step = check(world, step)

    assert (step.outcome, step.checks) == (Outcome.READY, len(account.polled))
    job = world.job(step.job_id)
    assert job.submitted_at is not None
    finished_at = max(first_poll, job.submitted_at + timedelta(seconds=run_seconds))
    assert timedelta() <= world.clock() - finished_at <= timedelta(seconds=max_delay)
    if 20 < run_seconds <= 60:
        assert job.took_seconds == pytest.approx(run_seconds, abs=0.7)


def test_long_prediction_is_polled_by_a_second_check() -> None:
    world, account, step = polling_world(500)
    started = world.clock()

    step = check(world, step)

    assert step.outcome is Outcome.PROCESSING
    assert world.clock() - started <= timedelta(seconds=300)
    assert world.job(step.job_id).checks == step.checks == len(account.polled) > 1
    world.clock.advance(step.wait_seconds)
    assert check(world, step).outcome is Outcome.READY


def test_last_poll_within_a_check_is_at_the_deadline() -> None:
    world, _, step = polling_world(10**6, deadline_seconds=120)

    assert check(world, step).code is Code.DEADLINE_EXCEEDED

    job = world.job(step.job_id)
    assert job.submitted_at is not None
    assert (world.clock() - job.submitted_at).total_seconds() == pytest.approx(120)


def test_unreadable_provider_fails_the_job_within_one_check() -> None:
    world, account, step = polling_world(10)
    account.can_poll, started = False, world.clock()

    assert check(world, step).code is Code.PROVIDER_UNAVAILABLE

    assert len(account.polled) == polling.MAX_UNREADABLE
    assert timedelta(seconds=120) <= world.clock() - started <= timedelta(seconds=300)


def test_check_of_a_job_that_was_not_submitted_raises() -> None:
    world = World()
    job = world.accept_job()

    with pytest.raises(LookupError):
        check(world, Step(job_id=job.job_id))


def test_job_without_a_record_fails() -> None:
    step = check(World(), Step(job_id="none"))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.INTERNAL_ERROR)


def test_job_with_a_webhook_is_polled_until_it_is_ready() -> None:
    """Check follows an unreadable answer: the webhook may have arrived already."""
    world, step = submitted_job(RUNNING, UNREADABLE, RUNNING, Succeeded((OUTPUT,)))
    world.jobs.update(step.job_id, when=[Status.SUBMITTED], has_webhook=True)

    outcomes = [checked.outcome for checked in check_until_decided(world, step)]

    assert outcomes == [*[Outcome.PROCESSING] * 3, Outcome.READY]
