"""CheckJob: each provider response updates the job; the deadline ends the polling."""

from typing import Any

import pytest

from darkroom.domain import polling
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Failed, Prediction, Running, Succeeded, Unreadable
from tests.fakes.invariants import assert_queue_counts
from tests.fakes.provider import OUTPUT, PREDICTION
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


def test_completed_prediction_frees_its_slot_before_the_output_is_stored() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))
    assert world.jobs.queue.shard.in_flight == 1

    ready = check(world, step)
    assert world.jobs.queue.shard.in_flight == 0
    assert check(world, step).outcome is Outcome.READY  # idempotent: frees one slot
    assert_queue_counts(world.jobs)

    world.app.finalize_job.run(ready)
    assert_queue_counts(world.jobs)


def test_concurrent_end_and_check_free_one_slot() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))
    get, calls = world.jobs.get, list[bool]()

    def get_before_check(job_id: str) -> Job | None:
        job = get(job_id)
        if not calls:
            calls.append(True)
            world.app.check_job.run(step)
        return job

    world.jobs.get = get_before_check  # type: ignore[method-assign]
    world.app.end_job.fail(step.job_id, Code.CANCELED)

    assert world.job(step.job_id).code is Code.CANCELED
    assert_queue_counts(world.jobs)


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
    world, step = submitted_job(Failed(code, "the provider's message"))

    step = check(world, step)

    assert (step.outcome, step.code) == (Outcome.FAILED, code)
    assert "message" not in step.model_dump_json()
    assert world.job(step.job_id).detail == "the provider's message"


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


def test_known_status_is_not_counted_as_unknown() -> None:
    world, step = submitted_job(RUNNING)

    check(world, step)

    assert world.metrics.total("UnknownStatuses") == 0


def test_readable_response_resets_the_unreadable_count() -> None:
    tolerated = polling.MAX_UNREADABLE - 1
    world, step = submitted_job(
        *[UNREADABLE] * tolerated, RUNNING, *[UNREADABLE] * tolerated, Succeeded((OUTPUT,))
    )

    steps = check_until_decided(world, step)

    assert steps[-1].outcome is Outcome.READY
    assert steps[tolerated].unreadable == 0
    assert world.metrics.total("UnreadableChecks") == 2 * tolerated


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


def test_first_completion_time_is_kept() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))
    step = check(world, step)
    first = world.job(step.job_id).provider_completed_at
    world.clock.advance(60)

    check(world, step)

    assert world.job(step.job_id).provider_completed_at == first


def test_check_keeps_the_count_of_copies() -> None:
    world, step = submitted_job(Succeeded((OUTPUT,)))

    assert check(world, step.model_copy(update={"copies": 3})).copies == 3


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
