"""A provider that takes nothing: the line stops, one job at a time asks, and none is burnt."""

from datetime import timedelta
from itertools import pairwise

import pytest

from darkroom.domain.breaker import FAILURES
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import Accepted, Failed, NotSent, Refused, Submission, Throttled, Unknown
from tests.fakes.account import Account, Take
from tests.fakes.invariants import assert_counts, assert_ended
from tests.fakes.machine import Machine, deployment
from tests.fakes.signals import START
from tests.fakes.world import MAX_QUEUE, World

NO_KEY = Refused(Code.UNAUTHORIZED, "no key", stops=True)
NO_CREDIT = Refused(Code.INSUFFICIENT_CREDITS, "top up", stops=True)


def submit(world: World, job: Job) -> Step:
    return world.submit_job()(Step(job_id=job.job_id))


def is_closed(world: World) -> bool:
    return world.jobs.queue.shard.breaker.is_closed


def answering(*answers: Submission) -> World:
    world = World()
    world.provider.submissions = list(answers)
    return world


def crowd(*takes: Take, jobs: int = 6) -> tuple[World, Account, list[Job]]:
    world, account = deployment()
    account.takes = list(takes)
    return world, account, [world.accepted(key=f"key-{number}") for number in range(jobs)]


@pytest.mark.parametrize("answer", [NO_KEY, NO_CREDIT])
def test_a_job_that_nobody_would_be_served_for_is_put_back_and_not_burnt(answer: Refused) -> None:
    world = answering(answer)
    job = world.accepted()

    step = submit(world, job)

    assert (step.outcome, step.deferred_by) == (Outcome.DEFERRED, answer.code)
    stored = world.job(job.job_id)
    assert (stored.status, stored.was_sent, stored.charge) == (Status.QUEUED, False, Charged.NO)
    assert stored.is_waiting
    assert not is_closed(world)
    [counted] = [each for each in world.metrics.counted if each.name == "BreakerOpened"]
    assert counted.dimensions == {"code": str(answer.code)}


def test_a_new_job_is_deferred_without_a_post_and_the_alarm_hears_of_it() -> None:
    world = answering(NO_KEY)
    submit(world, world.accepted())
    heard = world.metrics.total("BreakerOpen")

    step = submit(world, world.accepted(key="another"))

    assert (step.outcome, step.deferred_by) == (Outcome.DEFERRED, Code.UNAUTHORIZED)
    assert 29 <= step.wait_seconds <= 31
    assert len(world.provider.posts) == 1
    assert world.metrics.total("BreakerOpen") == heard + 1


def test_a_refusal_of_one_model_stops_nobody() -> None:
    world = answering(Refused(Code.UNAUTHORIZED, "not this model", stops=False))

    step = submit(world, world.accepted())

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.UNAUTHORIZED)
    assert is_closed(world)


@pytest.mark.parametrize("answer", [NotSent(), Unknown()])
def test_five_submits_in_a_row_without_an_answer_stop_the_line(answer: Submission) -> None:
    world = answering(answer)

    for number in range(FAILURES):
        assert is_closed(world)
        submit(world, world.accepted(key=f"key-{number}"))

    assert not is_closed(world)
    assert submit(world, world.accepted()).deferred_by is Code.PROVIDER_UNAVAILABLE
    assert len(world.provider.posts) == FAILURES
    assert world.metrics.total("ProviderUnreachable") == FAILURES


@pytest.mark.parametrize("answer", [Throttled(1), Refused(Code.MODERATED, "no")])
def test_any_answer_in_between_says_that_the_provider_is_there(answer: Submission) -> None:
    lost: list[Submission] = [NotSent()] * (FAILURES - 1)
    world = answering(*lost, answer, *lost)

    for number in range(2 * FAILURES - 1):
        submit(world, world.accepted(key=f"key-{number}"))
        world.clock.advance(2)

    assert len(world.provider.posts) == 2 * FAILURES - 1
    assert is_closed(world)


def test_a_prediction_that_fails_for_want_of_credit_stops_the_line_too() -> None:
    world = World()
    world.provider.predictions = [Failed(Code.INSUFFICIENT_CREDITS, "top up")]
    step = submit(world, world.accepted())

    assert world.check_job()(step).code is Code.INSUFFICIENT_CREDITS

    assert not is_closed(world)
    assert submit(world, world.accepted(key="b")).deferred_by is Code.INSUFFICIENT_CREDITS


def test_one_job_at_a_time_finds_out_and_its_success_lets_all_go() -> None:
    world, account, jobs = crowd(*[Take.LOCKED_OUT] * 4)

    Machine(world).run()

    assert {world.job(job.job_id).status for job in jobs} == {Status.COMPLETED}
    assert is_closed(world)
    probes = [(when - START).total_seconds() for _, _, when in account.sent[:5]]
    pauses = [later - sooner for sooner, later in pairwise(probes)]
    assert pauses == pytest.approx([30, 60, 120, 240], abs=2)
    assert len(account.sent) == 4 + len(jobs)
    assert_counts(world.jobs)


def test_a_probe_that_dies_does_not_keep_the_line_for_ever() -> None:
    world, account, jobs = crowd(Take.LOCKED_OUT, jobs=3)
    machine = Machine(world)
    machine.run(1)
    world.crash_at.plan = {
        world.crash_at.calls + 4: "after"
    }  # the next one dies once it is admitted
    account.takes = [Take.NEVER]

    machine.run()

    assert is_closed(world)
    done = [world.job(job.job_id).status for job in jobs].count(Status.COMPLETED)
    assert done >= len(jobs) - 1


@pytest.mark.parametrize(
    ("take", "code"),
    [(Take.LOCKED_OUT, Code.UNAUTHORIZED), (Take.UNSENT, Code.PROVIDER_UNAVAILABLE)],
)
def test_after_the_longest_wait_jobs_fail_with_the_reason_and_cost_nothing(
    take: Take, code: Code
) -> None:
    world, account, jobs = crowd(*[take] * 1000)

    Machine(world).run()

    assert_ended(world)
    for job in (world.job(each.job_id) for each in jobs):
        assert (job.code, job.charge) == (code, Charged.NO)
        assert job.ended_at is not None
        assert job.ended_at - job.accepted_at > timedelta(seconds=MAX_QUEUE)
    assert len(account.sent) < 40, "no flood"
    assert_counts(world.jobs)


def test_the_sweep_says_each_minute_whether_the_line_stands() -> None:
    world = answering(NO_KEY)
    world.sweep_jobs()()
    assert world.metrics.total("BreakerOpen") == 0
    assert [each.value for each in world.metrics.counted if each.name == "BreakerOpen"] == [0]

    submit(world, world.accepted())
    world.metrics.counted.clear()
    world.sweep_jobs()()

    assert world.metrics.total("BreakerOpen") == 1


@pytest.mark.parametrize("answer", [NO_KEY, Throttled(60)])
def test_what_one_job_is_told_is_meant_for_all_lines_of_a_fast_account(answer: Submission) -> None:
    world = World(rate_limit=RateLimit(1800, 1000))
    world.provider.submissions = [*[Accepted(f"p{n}") for n in range(12)], answer]
    for number in range(12):
        submit(world, world.accepted(key=f"key-{number}"))
    assert set(world.jobs.queue.all) == {0, 1, 2}

    told = submit(world, world.accepted(key="told"))
    others = [submit(world, world.accepted(key=f"other-{n}")) for n in range(12)]

    assert {step.outcome for step in (told, *others)} == {Outcome.DEFERRED}
    assert len(world.provider.posts) == 13
    if answer is NO_KEY:
        assert all(not shard.breaker.is_closed for shard in world.jobs.queue.read_all())
        assert {step.deferred_by for step in others} == {Code.UNAUTHORIZED}


def test_a_prediction_that_fails_for_want_of_credit_stops_all_lines() -> None:
    world = World(rate_limit=RateLimit(1800, 1000))
    world.provider.submissions = [Accepted(f"p{n}") for n in range(12)]
    steps = [submit(world, world.accepted(key=f"key-{number}")) for number in range(12)]
    world.provider.predictions = [Failed(Code.INSUFFICIENT_CREDITS, "top up", Charged.NO)]
    world.clock.advance(30)

    world.check_job()(steps[0])

    assert all(not shard.breaker.is_closed for shard in world.jobs.queue.read_all())
    assert_counts(world.jobs)
