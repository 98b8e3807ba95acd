"""Crashes before or after any call of any port: one POST, one end, one terminal event id."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from darkroom.domain.errors import Charged, Code
from darkroom.domain.job import Status
from darkroom.ports import Failed, NotDownloaded, Prediction, Running, Succeeded
from tests.fakes.crashes import CrashAt, CrashTiming
from tests.fakes.images import PNG
from tests.fakes.invariants import assert_all_ended, assert_claims, assert_queue_counts
from tests.fakes.machine import deployment, run_one_job
from tests.fakes.provider import OUTPUT
from tests.fakes.provider_account import PostResult
from tests.fakes.world import World
from tests.profiles import examples

POST_RESULTS = st.lists(st.sampled_from(PostResult), max_size=4)
RESULTS: st.SearchStrategy[Prediction] = st.sampled_from(
    [
        Succeeded((OUTPUT,)),
        Running("odd", known=False),
        Failed(Code.PROVIDER_FAILED, "no"),
        Failed(Code.MODERATED, "no"),
    ]
)
DOWNLOADS = st.lists(
    st.sampled_from([PNG, NotDownloaded(Code.ASSET_UNAVAILABLE, "")]), min_size=1, max_size=4
)
CRASH_TIMINGS: st.SearchStrategy[CrashTiming] = st.sampled_from(["before", "after"])
SOME_CRASHES = st.dictionaries(st.integers(0, 50), CRASH_TIMINGS, max_size=6)
# Consecutive crashes exhaust the attempts of a step.
CONSECUTIVE_CRASHES = st.builds(
    lambda start, length, timing: dict.fromkeys(range(start, start + length), timing),
    st.integers(0, 30),
    st.integers(1, 40),
    CRASH_TIMINGS,
)


def assert_consistent(world: World) -> None:
    """Assert the invariants that hold after all jobs have ended."""
    assert_all_ended(world)
    assert_queue_counts(world.jobs)
    assert_claims(world.jobs)
    for job in world.jobs.records.values():
        assert (job.code is None) == (job.status is Status.COMPLETED)
        if job.status is Status.COMPLETED:
            assert [world.assets.files[asset.key] for asset in job.assets] == [PNG]


@settings(max_examples=examples(75))
@given(
    post_results=POST_RESULTS,
    result=RESULTS,
    files=DOWNLOADS,
    crashes=SOME_CRASHES | CONSECUTIVE_CRASHES,
    has_webhooks=st.booleans(),
)
@example(
    post_results=[],
    result=Succeeded((OUTPUT,)),
    files=[PNG],
    crashes={7: "after"},
    has_webhooks=False,
)
def test_job_is_posted_once_and_ends_once_despite_crashes(
    post_results: list[PostResult],
    result: Prediction,
    files: list[bytes | NotDownloaded],
    crashes: dict[int, CrashTiming],
    has_webhooks: bool,
) -> None:
    world, account = deployment(crash_at=CrashAt(crashes))
    account.post_results, account.results = post_results, [result]
    world.downloads.files = {OUTPUT: files}
    if has_webhooks:
        world.flag_store.set(webhook_url="https://api.test")

    job = run_one_job(world)

    assert account.possibly_accepted(job.job_id) <= 1
    assert_consistent(world)
    if job.status is Status.FAILED and account.created and isinstance(result, Succeeded):
        assert job.charge is not Charged.NO, "a possibly charged job is not reported as uncharged"


@settings(max_examples=examples(50))
@given(post_results=POST_RESULTS, crashes=SOME_CRASHES | CONSECUTIVE_CRASHES)
def test_listed_prediction_is_not_resubmitted_despite_crashes(
    post_results: list[PostResult], crashes: dict[int, CrashTiming]
) -> None:
    world, account = deployment(crash_at=CrashAt(crashes), resubmits=True)
    account.post_results = post_results

    job = run_one_job(world)

    assert len(account.created) <= 1
    assert account.possibly_accepted(job.job_id) <= 3
    assert_consistent(world)
    if account.possibly_accepted(job.job_id) and job.code is not Code.MODERATED:
        assert job.charge is not Charged.NO


@pytest.mark.parametrize("resubmits", [False, True])
def test_only_a_crash_just_before_the_post_fails_the_job(resubmits: bool) -> None:
    """After the write of `submitting` and before the POST; without resubmits."""
    timings: tuple[CrashTiming, ...] = ("before", "after")
    fatal = []
    for at in range(40):
        for timing in timings:
            world, account = deployment(crash_at=CrashAt({at: timing}), resubmits=resubmits)
            job = run_one_job(world)
            assert len(account.created) <= 1
            assert_consistent(world)
            if job.status is not Status.COMPLETED:
                fatal.append((at, timing))
                assert (job.code, account.created) == (Code.SUBMISSION_UNKNOWN, [])

    assert len(fatal) == (0 if resubmits else 2)
