"""How long jobs take: what is published, and what a deployment learns of its own."""

import math
import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain import polling
from darkroom.domain.durations import ENOUGH, Expected, estimate, learned, published
from darkroom.domain.histogram import bucket_of
from darkroom.domain.job import Job, Status
from darkroom.domain.stats import kind_of, stats_of
from darkroom.usecases.expect_duration import ExpectDuration
from tests.fakes.world import World

MEDIUM = published({"quality": "medium", "resolution": "1k"})


def buckets(kind: Expected, jobs: int, seed: int = 1) -> Counter[int]:
    """Durations of so many jobs of a kind, as a histogram has them."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    return Counter(bucket_of(kind.at(rng.gauss())) for _ in range(jobs))


def test_better_and_larger_pictures_are_expected_to_take_longer() -> None:
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
def test_what_other_models_call_quality_is_no_matter(quality: object) -> None:
    kind = published({"quality": quality, "resolution": "1k"})

    assert kind == published({})
    assert kind.low < kind.high


def test_low_and_high_are_percentiles() -> None:
    assert MEDIUM.at(0) == pytest.approx(MEDIUM.median)
    assert MEDIUM.at(-1.645) == pytest.approx(MEDIUM.low)
    assert MEDIUM.at(1.645) == pytest.approx(MEDIUM.high)


def test_without_jobs_of_its_own_a_deployment_expects_what_is_published() -> None:
    low, high = learned(MEDIUM, {})

    assert low == pytest.approx(MEDIUM.low, rel=0.06)
    assert high == pytest.approx(MEDIUM.high, rel=0.06)


@given(st.floats(0.2, 5))
def test_many_jobs_of_its_own_outweigh_it(scale: float) -> None:
    real = Expected(MEDIUM.low * scale, MEDIUM.high * scale)

    low, high = learned(MEDIUM, buckets(real, 2000))

    assert low == pytest.approx(real.low, rel=0.25)
    assert high == pytest.approx(real.high, rel=0.25)


@given(st.dictionaries(st.integers(-20, 80), st.integers(1, 5000), max_size=40))
def test_whatever_was_counted_something_is_expected(counts: dict[int, int]) -> None:
    low, high = learned(MEDIUM, counts)

    assert 0 < low < high


@given(st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_a_job_ended_between_two_looks(one: float, other: float) -> None:
    running, seen = sorted((one, other))

    assert running <= estimate(running, seen) <= seen
    assert estimate(0, seen) < seen


def test_jobs_that_become_quicker_are_looked_at_sooner_though_the_first_look_hides_it() -> None:
    """All that is known of a job that is done at the first look is that it took less."""
    kind, real = MEDIUM, MEDIUM.median / 3
    for _ in range(12):
        first = polling.first_wait(0, kind, math.inf)
        seen = first if real < first else real
        kind = learned(MEDIUM, {bucket_of(estimate(0 if real < first else seen, seen)): 400})

    assert polling.first_wait(0, kind, math.inf) <= real + 2


def job_that_took(world: World, seconds: float) -> Job:
    job = world.accepted()
    return job.model_copy(
        update={"ended_at": world.clock(), "took_seconds": seconds, "status": Status.COMPLETED}
    )


def count(world: World, seconds: float, jobs: int) -> None:
    for _ in range(jobs):
        world.stats.added.append(stats_of(job_that_took(world, seconds)))


def expect(world: World) -> ExpectDuration:
    return ExpectDuration(world.stats, world.clock, 1.0)


def test_what_was_seen_lately_is_expected() -> None:
    world = World()
    count(world, 100, ENOUGH)

    expected = expect(world)(world.accepted())

    assert expected.median > 80


def test_days_before_those_that_suffice_are_forgotten() -> None:
    world = World()
    count(world, 300, 5 * ENOUGH)
    world.clock.advance(timedelta(days=1).total_seconds())
    count(world, 20, ENOUGH)

    expected = expect(world)(world.accepted())

    assert expected.high < 100


def test_fewer_jobs_are_remembered_for_longer() -> None:
    world = World()
    count(world, 300, ENOUGH // 2)
    world.clock.advance(timedelta(days=3).total_seconds())
    count(world, 300, ENOUGH // 4)

    assert expect(world)(world.accepted()).high > 200


def test_what_was_read_serves_for_minutes() -> None:
    world = World()
    asked = expect(world)
    before = asked(world.accepted())
    count(world, 300, ENOUGH)

    assert asked(world.accepted()) == before
    world.clock.advance(301)
    assert asked(world.accepted()) != before


def test_models_that_know_no_quality_teach_nothing() -> None:
    world = World()
    job = world.accepted({"model": "any/model", "input": {"prompt": "x"}}, key="any")
    world.stats.added.append(
        stats_of(job_that_took(world, 900))._replace(kind=kind_of(job), bucket=bucket_of(900))
    )

    assert expect(world)(job) == published(job.input)
