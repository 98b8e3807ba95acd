"""Expected durations: the published ones, and those a deployment learns from its jobs."""

import math
import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import polling
from darkroom.domain.durations import (
    ENOUGH_JOBS,
    ExpectedDuration,
    estimate_duration,
    learned,
    published,
)
from darkroom.domain.histogram import bucket_of
from darkroom.domain.job import Job, Status
from darkroom.domain.stats import kind_of, stats_of
from darkroom.usecases.jobs.expect_duration import ExpectDuration
from tests.fakes.world import World

MEDIUM = published({"quality": "medium", "resolution": "1k"})


def buckets(kind: ExpectedDuration, jobs: int, seed: int = 1) -> Counter[int]:
    """Return the histogram of the durations of `jobs` random jobs of a kind."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    return Counter(bucket_of(kind.at(rng.gauss())) for _ in range(jobs))


def test_expected_duration_grows_with_quality_and_resolution() -> None:
    medians = [
        [
            published({"quality": quality, "resolution": resolution}).median
            for resolution in ("1k", "2k", "4k")
        ]
        for quality in ("low", "medium", "high")
    ]

    assert all(row == sorted(row) for row in medians)
    assert all(list(column) == sorted(column) for column in zip(*medians, strict=True))


@pytest.mark.parametrize("quality", [None, "", "ultra", ["high"], {"a": 1}])
def test_unknown_quality_gets_the_default_duration(quality: object) -> None:
    kind = published({"quality": quality, "resolution": "1k"})

    assert kind == published({})
    assert kind.low < kind.high


def test_deployment_without_jobs_expects_the_published_durations() -> None:
    low, high = learned(MEDIUM, {})

    assert low == pytest.approx(MEDIUM.low, rel=0.06)
    assert high == pytest.approx(MEDIUM.high, rel=0.06)


@given(st.floats(0.2, 5))
def test_many_observed_jobs_outweigh_the_published_durations(scale: float) -> None:
    real = ExpectedDuration(MEDIUM.low * scale, MEDIUM.high * scale)

    low, high = learned(MEDIUM, buckets(real, 2000))

    assert low == pytest.approx(real.low, rel=0.25)
    assert high == pytest.approx(real.high, rel=0.25)


@given(st.dictionaries(st.integers(-20, 80), st.integers(1, 5000), max_size=40))
def test_any_histogram_gives_a_positive_range(counts: dict[int, int]) -> None:
    low, high = learned(MEDIUM, counts)

    assert 0 < low < high


@given(st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_estimate_is_between_the_last_two_polls(first: float, second: float) -> None:
    running, completed = sorted((first, second))

    assert running <= estimate_duration(running, completed) <= completed
    assert estimate_duration(0, completed) < completed


def test_first_wait_shrinks_when_jobs_become_faster() -> None:
    """The first poll of a completed job only shows an upper bound of its duration."""
    kind, real = MEDIUM, MEDIUM.median / 3
    for _ in range(12):
        first = polling.first_wait(0, kind, math.inf)
        completed = first if real < first else real
        kind = learned(
            MEDIUM, {bucket_of(estimate_duration(0 if real < first else completed, completed)): 400}
        )

    assert polling.first_wait(0, kind, math.inf) <= real + 2


def job_with_duration(world: World, seconds: float) -> Job:
    job = world.accept_job()
    return job.model_copy(
        update={"ended_at": world.clock(), "took_seconds": seconds, "status": Status.COMPLETED}
    )


def record_jobs(world: World, seconds: float, jobs: int) -> None:
    for _ in range(jobs):
        world.stats.added.append(stats_of(job_with_duration(world, seconds)))


def expect(world: World) -> ExpectDuration:
    return ExpectDuration(world.stats, world.clock, 1.0)


def test_recent_durations_are_expected() -> None:
    world = World()
    record_jobs(world, 100, ENOUGH_JOBS)

    expected = expect(world).run(world.accept_job())

    assert expected.median > 80


def test_older_days_are_ignored_when_recent_days_have_enough_jobs() -> None:
    world = World()
    record_jobs(world, 300, 5 * ENOUGH_JOBS)
    world.clock.advance(timedelta(days=1).total_seconds())
    record_jobs(world, 20, ENOUGH_JOBS)

    expected = expect(world).run(world.accept_job())

    assert expected.high < 100


def test_older_days_count_when_recent_days_have_few_jobs() -> None:
    world = World()
    record_jobs(world, 300, ENOUGH_JOBS // 2)
    world.clock.advance(timedelta(days=3).total_seconds())
    record_jobs(world, 300, ENOUGH_JOBS // 4)

    assert expect(world).run(world.accept_job()).high > 200


def test_statistics_are_cached_for_5_minutes() -> None:
    world = World()
    expect_duration = expect(world)
    before = expect_duration.run(world.accept_job())
    record_jobs(world, 300, ENOUGH_JOBS)

    assert expect_duration.run(world.accept_job()) == before
    world.clock.advance(301)
    assert expect_duration.run(world.accept_job()) != before


def test_models_without_quality_use_the_published_duration() -> None:
    world = World()
    job = world.accept_job({"model": "any/model", "input": {"prompt": "x"}}, key="any")
    world.stats.added.append(
        stats_of(job_with_duration(world, 900))._replace(kind=kind_of(job), bucket=bucket_of(900))
    )

    assert expect(world).run(job) == published(job.input)
