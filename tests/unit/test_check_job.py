"""CheckJob: the provider's answer moves a job, and its deadline ends the waiting."""

from typing import Any

import pytest

from darkroom.domain import polling
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.ports import Failed, Prediction, Running, Succeeded, Unreadable
from tests.fakes.invariants import assert_counts
from tests.fakes.provider import OUTPUT, PREDICTION
from tests.fakes.world import DEADLINE, TEXT_TO_IMAGE, World

RUNNING = Running("processing", known=True)
GONE = Unreadable(Code.PROVIDER_UNAVAILABLE, "HTTP 502")


def submitted(*answers: Prediction, **request: Any) -> tuple[World, Step]:
    world = World()
    world.provider.predictions = list(answers)
    job = world.accepted(TEXT_TO_IMAGE | request)
    step = world.submit_job()(Step(job_id=job.job_id))
    world.clock.advance(step.wait_seconds)
    return world, step


def check(world: World, step: Step) -> Step:
    return world.check_job()(step)


def run(world: World, step: Step, most: int = 500) -> list[Step]:
    """Check until there is nothing to wait for."""
    steps = []
    for _ in range(most):
        step = check(world, step)
        steps.append(step)
        if step.outcome is not Outcome.PROCESSING:
            return steps
        world.clock.advance(step.wait_seconds)
    raise AssertionError("the checks do not end")


def test_a_finished_prediction_goes_on_to_be_stored() -> None:
    world, step = submitted(Succeeded((OUTPUT,)))

    step = check(world, step)

    assert step.outcome is Outcome.READY
    assert step.checks == 1
    job = world.job(step.job_id)
    assert (job.status, job.checks) == (Status.SUBMITTED, 1)
    assert job.provider_completed_at == world.clock()
    assert world.provider.checked == [PREDICTION]
    assert OUTPUT not in step.model_dump_json() + job.model_dump_json()


def test_once_it_is_seen_done_another_may_be_sent_while_it_is_copied() -> None:
    world, step = submitted(Succeeded((OUTPUT,)))
    assert world.jobs.queue.shard.in_flight == 1

    done = check(world, step)
    assert world.jobs.queue.shard.in_flight == 0
    assert check(world, step).outcome is Outcome.READY  # run twice, it frees one place
    assert_counts(world.jobs)

    world.finalize_job()(done)
    assert_counts(world.jobs)


def test_a_job_that_is_ended_while_a_check_sees_it_done_frees_one_place() -> None:
    world, step = submitted(Succeeded((OUTPUT,)))
    get, checked = world.jobs.get, list[bool]()

    def stale(job_id: str) -> Job | None:
        job = get(job_id)
        if not checked:
            checked.append(True)
            world.check_job()(step)
        return job

    world.jobs.get = stale  # type: ignore[method-assign]
    world.end_job().fail(step.job_id, Code.CANCELED)

    assert world.job(step.job_id).code is Code.CANCELED
    assert_counts(world.jobs)


def test_a_running_prediction_is_looked_at_again_after_a_slowly_growing_wait() -> None:
    world, step = submitted(*[RUNNING] * 6, Succeeded((OUTPUT,)))

    steps = run(world, step)

    waits = [each.wait_seconds for each in steps[:-1]]
    assert waits == sorted(waits)
    assert waits[0] >= 1
    assert steps[-1].outcome is Outcome.READY
    assert world.job(step.job_id).checks == 7


@pytest.mark.parametrize("code", [Code.MODERATED, Code.PROVIDER_FAILED])
def test_a_broken_prediction_fails_with_its_code_and_keeps_the_words(code: Code) -> None:
    world, step = submitted(Failed(code, "the provider's words"))

    step = check(world, step)

    assert (step.outcome, step.code) == (Outcome.FAILED, code)
    assert "words" not in step.model_dump_json()
    assert world.job(step.job_id).detail == "the provider's words"


@pytest.mark.parametrize("deadline", [30, 60, 900, 3600])
def test_a_prediction_that_never_ends_is_given_up_at_the_deadline(deadline: int) -> None:
    world, step = submitted(RUNNING, deadline_seconds=deadline)

    steps = run(world, step)

    assert steps[-1].code is Code.DEADLINE_EXCEEDED
    job = world.job(step.job_id)
    assert job.submitted_at is not None
    assert deadline <= (world.clock() - job.submitted_at).total_seconds() < deadline + 1
    assert len(steps) <= 25 + deadline / 30


def test_a_prediction_that_is_done_at_the_deadline_counts() -> None:
    world, step = submitted(Succeeded((OUTPUT,)))
    world.clock.advance(DEADLINE * 2)

    assert check(world, step).outcome is Outcome.READY


def test_an_unknown_status_is_waited_for_counted_and_ended_by_the_deadline() -> None:
    world, step = submitted(Running("simmering", known=False))

    steps = run(world, step)

    assert steps[-1].code is Code.DEADLINE_EXCEEDED
    assert world.metrics.total("UnknownStatuses") == len(steps) - 1


def test_a_known_status_is_not_counted_as_unknown() -> None:
    world, step = submitted(RUNNING)

    check(world, step)

    assert world.metrics.total("UnknownStatuses") == 0


def test_unreadable_answers_are_forgiven_when_a_readable_one_comes() -> None:
    most = polling.MAX_UNREADABLE - 1
    world, step = submitted(*[GONE] * most, RUNNING, *[GONE] * most, Succeeded((OUTPUT,)))

    steps = run(world, step)

    assert steps[-1].outcome is Outcome.READY
    assert steps[most].unreadable == 0
    assert world.metrics.total("UnreadableChecks") == 2 * most


@pytest.mark.parametrize("code", [Code.PROVIDER_UNAVAILABLE, Code.UNAUTHORIZED])
def test_too_many_unreadable_answers_in_a_row_fail_with_what_they_say(code: Code) -> None:
    world, step = submitted(Unreadable(code, "HTTP 401"))

    steps = run(world, step)

    assert len(steps) == polling.MAX_UNREADABLE
    assert steps[-1].code is code


def test_unreadable_answers_do_not_outlast_the_deadline() -> None:
    world, step = submitted(GONE, deadline_seconds=40)

    assert run(world, step)[-1].code is Code.DEADLINE_EXCEEDED


def test_a_finished_prediction_is_not_lost_to_the_deadline_but_to_silence() -> None:
    world, step = submitted(Succeeded((OUTPUT,)), GONE, GONE, Succeeded((OUTPUT,)), GONE)
    step = check(world, step)
    world.clock.advance(DEADLINE * 3)

    again = run(world, step)
    lost = run(world, again[-1])

    assert again[-1].outcome is Outcome.READY
    assert lost[-1].code is Code.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("word", [RUNNING, Running("odd", known=False)])
def test_a_prediction_that_goes_backwards_is_bounded_too(word: Running) -> None:
    world, step = submitted(Succeeded((OUTPUT,)), word)
    step = check(world, step)
    seen = world.job(step.job_id).provider_completed_at
    world.clock.advance(60)

    steps = run(world, step)

    assert steps[-1].code is Code.PROVIDER_UNAVAILABLE
    assert len(steps) == polling.MAX_UNREADABLE
    assert world.job(step.job_id).provider_completed_at == seen


def test_the_first_time_of_completion_is_kept() -> None:
    world, step = submitted(Succeeded((OUTPUT,)))
    step = check(world, step)
    first = world.job(step.job_id).provider_completed_at
    world.clock.advance(60)

    check(world, step)

    assert world.job(step.job_id).provider_completed_at == first


def test_tries_of_storing_are_carried_through_a_check() -> None:
    world, step = submitted(Succeeded((OUTPUT,)))

    assert check(world, step.model_copy(update={"copies": 3})).copies == 3


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (Status.COMPLETED, Outcome.STORED, None),
        (Status.FAILED, Outcome.FAILED, Code.CANCELED),
    ],
)
def test_an_ended_job_is_not_asked_about(
    status: Status, outcome: Outcome, code: Code | None
) -> None:
    world, step = submitted(RUNNING)
    world.jobs.update(step.job_id, when=[Status.SUBMITTED], status=status, code=Code.CANCELED)

    step = check(world, step)

    assert (step.outcome, step.code) == (outcome, code)
    assert world.provider.checked == []


def test_a_job_that_was_never_submitted_cannot_be_checked() -> None:
    world = World()
    job = world.accepted()

    with pytest.raises(LookupError):
        check(world, Step(job_id=job.job_id))


def test_a_job_without_a_record_fails() -> None:
    step = check(World(), Step(job_id="none"))

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.INTERNAL_ERROR)


def test_with_webhooks_each_wait_of_a_running_prediction_can_be_cut_short() -> None:
    world, step = submitted(RUNNING, GONE, RUNNING)
    step = step.model_copy(update={"webhook": True})
    world.jobs.update(step.job_id, when=[Status.SUBMITTED], woken_at=world.clock(), wake_token="w")

    first = check(world, step)
    woken = world.job(step.job_id)
    second = check(world, first)

    assert (first.await_webhook, second.await_webhook) == (True, False), (
        "what cannot be read is asked for again"
    )
    assert (woken.woken_at, woken.wake_token) == (None, None)


def test_nobody_listens_beyond_the_deadline() -> None:
    world, step = submitted(RUNNING)
    world.clock.time = world.job(step.job_id).submitted_at or world.clock()  # at the very start
    step = step.model_copy(update={"webhook": True})
    world.clock.advance(DEADLINE - 60)

    step = check(world, step)

    assert (step.outcome, step.await_webhook) == (Outcome.PROCESSING, True)
    assert step.wait_seconds == 60
