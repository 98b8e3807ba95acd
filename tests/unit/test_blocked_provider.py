"""Circuit breaker: while the provider refuses all jobs, one job at a time probes; none fails."""

from datetime import timedelta
from itertools import pairwise
from unittest.mock import patch

import pytest

from darkroom.domain.breaker import FAILURES, PROBE_SECONDS, ProviderState
from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Job, Status
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import QueueSnapshot, RateLimit
from darkroom.ports import Accepted, Failed, NotSent, Refused, Submission, Throttled, Unknown
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.invariants import assert_all_ended, assert_queue_counts
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider_account import PostResult, ProviderAccount
from tests.fakes.signals import START
from tests.fakes.world import MAX_QUEUE, World

NO_KEY = Refused(Code.UNAUTHORIZED, "no key", blocks_account=True)
ONE_SHARD, THREE_SHARDS = RateLimit(600, 100), RateLimit(1800, 1000)
NO_CREDIT = Refused(Code.INSUFFICIENT_CREDITS, "top up", blocks_account=True)


def submit(world: World, job: Job) -> Step:
    return world.app.submit_job.run(Step(job_id=job.job_id))


def is_closed(world: World) -> bool:
    return world.jobs.queue.provider.is_closed


def world_with_responses(*responses: Submission) -> World:
    world = World()
    world.provider.submissions = list(responses)
    return world


def deployment_with_jobs(
    *post_results: PostResult, jobs: int = 6
) -> tuple[World, ProviderAccount, list[Job]]:
    world, account = deployment()
    account.post_results = list(post_results)
    return world, account, [world.accept_job(key=f"key-{number}") for number in range(jobs)]


@pytest.mark.parametrize("response", [NO_KEY, NO_CREDIT])
def test_blocking_error_opens_the_breaker_and_requeues_the_job(response: Refused) -> None:
    world = world_with_responses(response)
    job = world.accept_job()

    step = submit(world, job)

    assert (step.outcome, step.deferred_by) == (Outcome.DEFERRED, response.code)
    stored = world.job(job.job_id)
    assert (stored.status, stored.was_sent, stored.charge) == (Status.QUEUED, False, Charged.NO)
    assert stored.is_in_queue
    assert not is_closed(world)
    [record] = [record for record in world.metrics.recorded if record.name == "BreakerOpened"]
    assert record.dimensions == {"code": str(response.code)}

    deferred = submit(world, world.accept_job(key="another"))

    assert (deferred.outcome, deferred.deferred_by) == (Outcome.DEFERRED, response.code)
    assert 29 <= deferred.wait_seconds <= 31
    assert len(world.provider.posts) == 1
    # When the breaker opened, and for the deferred job.
    assert world.metrics.total("BreakerOpen") == 2


def test_refusal_of_one_model_keeps_the_breaker_closed() -> None:
    world = world_with_responses(Refused(Code.UNAUTHORIZED, "not this model", blocks_account=False))

    step = submit(world, world.accept_job())

    assert (step.outcome, step.code) == (Outcome.FAILED, Code.UNAUTHORIZED)
    assert is_closed(world)


@pytest.mark.parametrize("response", [NotSent(), Unknown()])
def test_consecutive_submits_without_a_response_open_the_breaker(response: Submission) -> None:
    world = world_with_responses(response)

    for number in range(FAILURES):
        assert is_closed(world)
        submit(world, world.accept_job(key=f"key-{number}"))

    assert not is_closed(world)
    assert submit(world, world.accept_job()).deferred_by is Code.PROVIDER_UNAVAILABLE
    assert len(world.provider.posts) == FAILURES
    assert world.metrics.total("ProviderUnreachable") == FAILURES


@pytest.mark.parametrize("response", [Throttled(1), Refused(Code.MODERATED, "no")])
def test_any_response_resets_the_failure_count(response: Submission) -> None:
    not_sent: list[Submission] = [NotSent()] * (FAILURES - 1)
    world = world_with_responses(*not_sent, response, *not_sent)

    for number in range(2 * FAILURES - 1):
        submit(world, world.accept_job(key=f"key-{number}"))
        world.clock.advance(2)

    assert len(world.provider.posts) == 2 * FAILURES - 1
    assert is_closed(world)


def test_successful_probe_closes_the_breaker_for_all_jobs() -> None:
    world, account, jobs = deployment_with_jobs(*[PostResult.UNAUTHORIZED] * 4)

    StateMachine(world).run()

    assert {world.job(job.job_id).status for job in jobs} == {Status.COMPLETED}
    assert is_closed(world)
    probes = [(time - START).total_seconds() for _, _, time in account.sent_posts[:5]]
    pauses = [second - first for first, second in pairwise(probes)]
    assert pauses == pytest.approx([30, 60, 120, 240], abs=2)
    assert len(account.sent_posts) == 4 + len(jobs)
    assert_queue_counts(world.jobs)


def submit_and_crash(world: World, job: Job) -> None:
    """Submit a job in a function that crashes at its POST."""
    world.crash_at.methods = {"submit": "before"}
    with pytest.raises(SimulatedCrashError):
        submit(world, job)


def world_with_half_open_breaker(rate_limit: RateLimit = ONE_SHARD) -> World:
    """Return a world in which the next job probes."""
    world = World(rate_limit=rate_limit)
    world.provider.submissions = [NO_KEY, Accepted("p")]
    submit(world, world.accept_job(key="refused"))
    world.clock.advance(31)
    world.provider.posts.clear()
    return world


def test_crashed_probe_is_followed_by_another_probe() -> None:
    world = world_with_half_open_breaker()
    submit_and_crash(world, world.accept_job(key="crashed"))
    job = world.accept_job()

    deferred = submit(world, job)
    assert (deferred.outcome, deferred.deferred_by) == (Outcome.DEFERRED, Code.UNAUTHORIZED)
    assert 1 <= deferred.wait_seconds <= 5
    world.clock.advance(PROBE_SECONDS)

    submit(world, job)
    assert len(world.provider.posts) == 1
    assert is_closed(world)


@pytest.mark.parametrize("rate_limit", [ONE_SHARD, THREE_SHARDS])
def test_two_jobs_that_read_the_same_state_do_not_both_probe(rate_limit: RateLimit) -> None:
    world = world_with_half_open_breaker(rate_limit)
    job, others = world.accept_job(), [world.accept_job(key="other")]
    read_all = world.jobs.queue.read_all

    def read_then_lose() -> QueueSnapshot:
        snapshot = read_all()
        if others:
            submit_and_crash(world, others.pop())
        return snapshot

    with patch.object(world.jobs.queue, "read_all", read_then_lose):
        step = submit(world, job)

    assert step.outcome is Outcome.DEFERRED
    assert world.provider.posts == []
    assert_queue_counts(world.jobs)


def test_accepted_submits_do_not_write_the_provider_state() -> None:
    world = World()

    for number in range(3):
        submit(world, world.accept_job(key=f"key-{number}"))

    assert len(world.provider.posts) == 3
    assert world.jobs.queue.provider == ProviderState()


@pytest.mark.parametrize(
    ("post_result", "code"),
    [
        (PostResult.UNAUTHORIZED, Code.UNAUTHORIZED),
        (PostResult.NOT_SENT, Code.PROVIDER_UNAVAILABLE),
    ],
)
def test_job_fails_uncharged_with_the_breaker_reason_after_the_maximum_queue_time(
    post_result: PostResult, code: Code
) -> None:
    world, account, jobs = deployment_with_jobs(*[post_result] * 1000)

    StateMachine(world).run()

    assert_all_ended(world)
    for job in (world.job(accepted.job_id) for accepted in jobs):
        assert (job.code, job.charge) == (code, Charged.NO)
        assert job.ended_at is not None
        assert job.ended_at - job.accepted_at > timedelta(seconds=MAX_QUEUE)
    assert len(account.sent_posts) < 40, "the POSTs are rate-limited"
    assert_queue_counts(world.jobs)


def test_sweep_emits_whether_the_breaker_is_open() -> None:
    world = world_with_responses(NO_KEY)
    world.app.sweep_jobs.run()
    assert world.metrics.total("BreakerOpen") == 0
    assert [record.value for record in world.metrics.recorded if record.name == "BreakerOpen"] == [
        0
    ]

    submit(world, world.accept_job())
    world.metrics.recorded.clear()
    world.app.sweep_jobs.run()

    assert world.metrics.total("BreakerOpen") == 1


@pytest.mark.parametrize("response", [NO_KEY, Throttled(60)])
def test_blocking_or_throttled_response_applies_to_all_queue_shards(response: Submission) -> None:
    world = World(rate_limit=THREE_SHARDS)
    world.provider.submissions = [*[Accepted(f"p{n}") for n in range(12)], response]
    for number in range(12):
        submit(world, world.accept_job(key=f"key-{number}"))
    assert set(world.jobs.queue.shards) == {0, 1, 2}

    deferred = submit(world, world.accept_job(key="deferred"))
    others = [submit(world, world.accept_job(key=f"other-{n}")) for n in range(12)]

    assert {step.outcome for step in (deferred, *others)} == {Outcome.DEFERRED}
    assert len(world.provider.posts) == 13
    if response is NO_KEY:
        assert not is_closed(world)
        assert {step.deferred_by for step in others} == {Code.UNAUTHORIZED}


def test_prediction_without_credits_opens_the_breaker() -> None:
    world = World()
    world.provider.predictions = [Failed(Code.INSUFFICIENT_CREDITS, "top up")]
    step = submit(world, world.accept_job())

    assert world.app.check_job.run(step).code is Code.INSUFFICIENT_CREDITS

    assert submit(world, world.accept_job(key="b")).deferred_by is Code.INSUFFICIENT_CREDITS
