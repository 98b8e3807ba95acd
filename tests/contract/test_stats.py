"""The port Stats: the same in memory and in DynamoDB."""

from datetime import timedelta

import pytest

from darkroom.adapters.stats_table import StatsTable
from darkroom.adapters.table import JobTable
from darkroom.domain.errors import Code
from darkroom.domain.stats import Amount, Day, ImageKind, JobStats
from darkroom.ports import Jobs, Stats
from tests.contract.conftest import TABLE
from tests.contract.stores import DAY, job
from tests.fakes.stats import InMemoryStats

LOW, HIGH = ImageKind("edit", "low", "1k"), ImageKind("edit", "high", "4k")


@pytest.fixture(params=["memory", "dynamodb"])
def counted(request: pytest.FixtureRequest) -> tuple[Jobs, Stats]:
    if request.param == "memory":
        memory = InMemoryStats()
        return memory.jobs, memory
    client = request.getfixturevalue("dynamodb")
    return JobTable(client, TABLE), StatsTable(client, TABLE)


def job_stats(
    kind: ImageKind = LOW, micro_usd: int = 10, code: Code | None = None, **more: object
) -> JobStats:
    bucket = 7 if code is None else None
    plain = JobStats(DAY, "key:a#b", kind.quality, micro_usd, code, kind, bucket)
    return plain._replace(**more)  # type: ignore[arg-type]


def add(counted: tuple[Jobs, Stats], name: str, what: JobStats) -> bool:
    counted[0].create(job(job_id=name))
    return counted[1].add(name, what, 1_800_000_000)


def test_a_job_is_counted_once(counted: tuple[Jobs, Stats]) -> None:
    assert add(counted, "j", job_stats())
    assert not add(counted, "j", job_stats())
    assert not counted[1].add("none", job_stats(), 1)

    (day,) = counted[1].days(DAY, DAY, None)
    assert day.completed == 1
    marked = counted[0].get("j")
    assert marked is not None
    assert marked.stats_recorded_at is not None


def test_a_day_is_the_sum_of_its_jobs(counted: tuple[Jobs, Stats]) -> None:
    add(counted, "a", job_stats())
    add(counted, "b", job_stats(HIGH, 700))
    add(counted, "c", job_stats(HIGH, 0, Code.MODERATED))
    add(counted, "d", job_stats(HIGH, 0, Code.MODERATED))

    assert counted[1].days(DAY, DAY, "key:a#b") == [
        Day(
            day=DAY, caller="key:a#b", completed=2, failed=2, spent_micro_usd=710,
            by_quality={"high": Amount(jobs=3, micro_usd=700), "low": Amount(jobs=1, micro_usd=10)},
            failures={Code.MODERATED: 2},
        )
    ]  # fmt: skip
    assert counted[1].days(DAY, DAY, "key:a") == []


def test_days_are_those_between_oldest_first(counted: tuple[Jobs, Stats]) -> None:
    for number in (3, 1, 2, 0):
        add(counted, f"j{number}", job_stats(day=DAY + timedelta(days=number)))
    add(counted, "other", job_stats(day=DAY + timedelta(days=2), caller="key:z"))

    found = counted[1].days(DAY + timedelta(days=1), DAY + timedelta(days=2), None)

    assert [((each.day - DAY).days, each.caller) for each in found] == [
        (1, "key:a#b"), (2, "key:a#b"), (2, "key:z"),
    ]  # fmt: skip


def test_durations_are_counted_by_day_kind_and_bucket(counted: tuple[Jobs, Stats]) -> None:
    add(counted, "a", job_stats())
    add(counted, "b", job_stats())
    add(counted, "c", job_stats(bucket=-3))
    add(counted, "d", job_stats(HIGH))
    add(counted, "e", job_stats(HIGH, 0, Code.REJECTED))
    for number in (1, 2, 3):
        add(counted, f"f{number}", job_stats(day=DAY + timedelta(days=number)))

    found = counted[1].histograms(DAY, DAY + timedelta(days=2))

    assert found == {
        DAY: {LOW: {7: 2, -3: 1}, HIGH: {7: 1}},
        DAY + timedelta(days=1): {LOW: {7: 1}},
        DAY + timedelta(days=2): {LOW: {7: 1}},
    }
    assert list(found) == sorted(found)
