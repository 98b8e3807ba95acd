"""Contract of the port Stats: in memory and over DynamoDB (moto)."""

from datetime import timedelta

import pytest

from darkroom.adapters.dynamodb.jobs import JobTable
from darkroom.adapters.dynamodb.stats import StatsTable
from darkroom.domain.errors import Code
from darkroom.domain.stats import Amount, Day, ImageKind, JobStats
from darkroom.ports import Jobs, Stats
from tests.contract.conftest import TABLE
from tests.contract.stores import DAY, job
from tests.fakes.stats import InMemoryStats

LOW, HIGH = ImageKind("edit", "low", "1k"), ImageKind("edit", "high", "4k")


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> tuple[Jobs, Stats]:
    if request.param == "memory":
        memory = InMemoryStats()
        return memory.jobs, memory
    client = request.getfixturevalue("dynamodb")
    return JobTable(client, TABLE), StatsTable(client, TABLE)


def job_stats(
    kind: ImageKind = LOW, micro_usd: int = 10, code: Code | None = None, **changes: object
) -> JobStats:
    bucket = 7 if code is None else None
    default = JobStats(DAY, "key:a#b", kind.quality, micro_usd, code, kind, bucket)
    return default._replace(**changes)  # type: ignore[arg-type]


def add(stores: tuple[Jobs, Stats], name: str, stats: JobStats) -> bool:
    stores[0].create(job(job_id=name))
    return stores[1].add(name, stats, 1_800_000_000)


def test_job_is_counted_once(stores: tuple[Jobs, Stats]) -> None:
    assert add(stores, "j", job_stats())
    assert not add(stores, "j", job_stats())
    assert not stores[1].add("none", job_stats(), 1)

    (day,) = stores[1].days(DAY, DAY, None)
    assert day.completed == 1
    updated = stores[0].get("j")
    assert updated is not None
    assert updated.stats_recorded_at is not None


def test_day_is_the_sum_of_its_jobs(stores: tuple[Jobs, Stats]) -> None:
    add(stores, "a", job_stats())
    add(stores, "b", job_stats(HIGH, 700))
    add(stores, "c", job_stats(HIGH, 0, Code.MODERATED))
    add(stores, "d", job_stats(HIGH, 0, Code.MODERATED))

    assert stores[1].days(DAY, DAY, "key:a#b") == [
        Day(
            day=DAY, caller="key:a#b", completed=2, failed=2, spent_micro_usd=710,
            by_quality={"high": Amount(jobs=3, micro_usd=700), "low": Amount(jobs=1, micro_usd=10)},
            failures={Code.MODERATED: 2},
        )
    ]  # fmt: skip
    assert stores[1].days(DAY, DAY, "key:a") == []


def test_days_of_a_range_are_ordered_oldest_first(stores: tuple[Jobs, Stats]) -> None:
    for number in (3, 1, 2, 0):
        add(stores, f"j{number}", job_stats(day=DAY + timedelta(days=number)))
    add(stores, "other", job_stats(day=DAY + timedelta(days=2), caller="key:z"))

    result = stores[1].days(DAY + timedelta(days=1), DAY + timedelta(days=2), None)

    assert [((record.day - DAY).days, record.caller) for record in result] == [
        (1, "key:a#b"), (2, "key:a#b"), (2, "key:z"),
    ]  # fmt: skip


def test_durations_are_counted_by_day_image_kind_and_bucket(stores: tuple[Jobs, Stats]) -> None:
    add(stores, "a", job_stats())
    add(stores, "b", job_stats())
    add(stores, "c", job_stats(bucket=-3))
    add(stores, "d", job_stats(HIGH))
    add(stores, "e", job_stats(HIGH, 0, Code.REJECTED))
    for number in (1, 2, 3):
        add(stores, f"f{number}", job_stats(day=DAY + timedelta(days=number)))

    result = stores[1].histograms(DAY, DAY + timedelta(days=2))

    assert result == {
        DAY: {LOW: {7: 2, -3: 1}, HIGH: {7: 1}},
        DAY + timedelta(days=1): {LOW: {7: 1}},
        DAY + timedelta(days=2): {LOW: {7: 1}},
    }
    assert list(result) == sorted(result)
