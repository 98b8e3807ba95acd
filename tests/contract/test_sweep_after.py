"""`Jobs.due` returns the jobs that the sweep must check, longest overdue first."""

from datetime import datetime, timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Claim, QueueChange
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, dynamodb_stores, job, reservation
from tests.fakes.signals import START


def time_after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def add(stores: Stores, name: str, due: float | None, status: Status = Status.QUEUED) -> Job:
    created = job(job_id=name, sweep_after=None if due is None else time_after(due), status=status)
    assert stores.jobs.create(created)
    return created


def due(stores: Stores, seconds: float = 0, limit: int = 10) -> list[str]:
    return [record.job_id for record in stores.jobs.due(time_after(seconds), limit=limit)]


def test_due_jobs_are_ordered_longest_overdue_first(stores: Stores) -> None:
    for name, seconds in [("b", -5), ("d", 0), ("a", -90_000), ("c", -0.5), ("e", 0.000001)]:
        add(stores, name, seconds)

    assert due(stores) == ["a", "b", "c", "d"]
    assert due(stores, seconds=1) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_limit_returns_the_longest_overdue_jobs(stores: Stores, limit: int) -> None:
    for number in range(3):
        add(stores, f"j{number}", -number)

    assert due(stores, limit=limit) == ["j2", "j1", "j0"][:limit]


def test_record_without_sweep_time_is_not_due(stores: Stores) -> None:
    add(stores, "never", None)
    add(stores, "a", -1)

    assert due(stores, seconds=10**9) == ["a"]


def test_removed_or_moved_sweep_time_is_not_due(stores: Stores) -> None:
    for name in "abc":
        add(stores, name, -1)
    stores.jobs.update("a", when=OPEN, sweep_after=None)
    stores.jobs.transact(
        "b", [QueueChange(in_flight_delta=1)], when=OPEN, sweep_after=time_after(60)
    )

    assert due(stores) == ["c"]
    assert due(stores, seconds=60) == ["c", "b"]


def test_due_returns_at_most_100_jobs(dynamodb: DynamoDBClient) -> None:
    stores = dynamodb_stores(dynamodb, TABLE)
    for number in range(103):
        add(stores, f"j{number:03}", number - 103)

    assert due(stores, limit=500) == [f"j{number:03}" for number in range(100)]


def test_index_contains_only_records_with_a_sweep_time(
    dynamodb: DynamoDBClient,
) -> None:
    stores = dynamodb_stores(dynamodb, TABLE)
    stores.jobs.create(job(reservations=[reservation(5)]), [10])
    stores.jobs.transact(
        "j", [Claim("p"), QueueChange(QueueShard(), QueueShard())], when=OPEN, checks=1
    )
    assert len(dynamodb.scan(TableName=TABLE)["Items"]) == 4

    assert dynamodb.scan(TableName=TABLE, IndexName="by-sweep")["Items"] == []

    add(stores, "a", 0)
    [item] = dynamodb.scan(TableName=TABLE, IndexName="by-sweep")["Items"]
    assert item["pk"] == {"S": "JOB#a"}
