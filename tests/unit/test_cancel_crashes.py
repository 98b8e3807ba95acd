"""A cancel at any call, with crashes at other calls: one POST, one end, no lost output."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code, EndedError
from darkroom.domain.job import Job, Status
from darkroom.domain.submit_queue import RateLimit
from darkroom.ports import NotDownloaded, Prediction
from tests.fakes.crashes import CrashTiming, Interruption
from tests.fakes.images import PNG
from tests.fakes.machine import StateMachine, deployment, retry_crashes
from tests.fakes.provider import OUTPUT
from tests.fakes.provider_account import PostResult, ProviderAccount
from tests.fakes.world import TEST_CALLER, World
from tests.profiles import examples
from tests.unit.test_crashes import (
    DOWNLOADS,
    POST_RESULTS,
    RESULTS,
    SOME_CRASHES,
    assert_consistent,
)


def deployment_with_cancel(
    at: int, crashes: dict[int, CrashTiming]
) -> tuple[World, ProviderAccount, list[Job]]:
    """Return a deployment that cancels a job just before call `at`, and the canceled jobs."""
    crash_at = Interruption(crashes, at=at)
    world, account = deployment(crash_at=crash_at, rate_limit=RateLimit(2, 2))
    world.accept_job(key="another")
    crash_at.at += crash_at.calls
    canceled_jobs: list[Job] = []

    def cancel() -> None:
        job_id = list(world.jobs.records)[-1]
        with suppress(EndedError):
            canceled_jobs.append(world.without_crashes().app.cancel_job.run(TEST_CALLER, job_id))

    crash_at.action = cancel
    return world, account, canceled_jobs


def run(world: World) -> Job:
    job = retry_crashes(world.accept_job)
    StateMachine(world).run()
    return world.job(job.job_id)


@settings(max_examples=examples(75))
@given(
    post_results=POST_RESULTS,
    result=RESULTS,
    files=DOWNLOADS,
    crashes=SOME_CRASHES,
    at=st.integers(3, 60),
)
def test_job_canceled_at_any_call_is_posted_once_and_ends_once(
    post_results: list[PostResult],
    result: Prediction,
    files: list[bytes | NotDownloaded],
    crashes: dict[int, CrashTiming],
    at: int,
) -> None:
    world, account, canceled_jobs = deployment_with_cancel(
        at, {3 + call: timing for call, timing in crashes.items()}
    )
    account.post_results, account.results = post_results, [result]
    world.downloads.files = {OUTPUT: files}

    run(world)

    assert all(account.possibly_accepted(job_id) <= 1 for job_id in world.jobs.records)
    assert_consistent(world)
    for canceled in canceled_jobs:
        assert world.job(canceled.job_id).status is Status.FAILED, (
            "a canceled job does not complete"
        )


@given(st.integers(3, 50))
def test_cancel_is_uncharged_or_the_paid_output_is_stored(at: int) -> None:
    world, account, canceled_jobs = deployment_with_cancel(at, {})

    run(world)

    assert_consistent(world)
    for job in world.jobs.records.values():
        if job.job_id not in {canceled.job_id for canceled in canceled_jobs}:
            assert job.status is Status.COMPLETED
        elif account.possibly_accepted(job.job_id):
            assert (job.code, job.charge) == (Code.CANCELED, Charged.YES)
            assert [world.assets.files[asset.key] for asset in job.assets] == [PNG]
        else:
            assert (job.code, job.charge, job.assets) == (Code.CANCELED, Charged.NO, ())
