"""JobLists.due: the jobs that the sweep has to look at, the longest overdue first."""

from datetime import datetime, timedelta

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.domain.job import OPEN, Job, Status
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Claim, QueueChange
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, job, over, reservation
from tests.fakes.signals import START


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def add(stores: Stores, name: str, due: float | None, status: Status = Status.QUEUED) -> Job:
    made = job(job_id=name, sweep_after=None if due is None else at(due), status=status)
    assert stores.jobs.create(made)
    return made


def due(stores: Stores, seconds: float = 0, limit: int = 10) -> list[str]:
    return [found.job_id for found in stores.jobs.due(at(seconds), limit=limit)]


def test_nothing_is_due_where_nothing_is(stores: Stores) -> None:
    assert due(stores) == []


def test_the_longest_overdue_comes_first_and_the_rest_is_not_due_yet(stores: Stores) -> None:
    for name, seconds in [("b", -5), ("d", 0), ("a", -90_000), ("c", -0.5), ("e", 0.000001)]:
        add(stores, name, seconds)

    assert due(stores) == ["a", "b", "c", "d"]
    assert due(stores, seconds=1) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_no_more_than_asked_for_come_and_those_that_waited_longest(
    stores: Stores, limit: int
) -> None:
    for number in range(3):
        add(stores, f"j{number}", -number)

    assert due(stores, limit=limit) == ["j2", "j1", "j0"][:limit]


@pytest.mark.parametrize("status", Status)
def test_a_job_in_any_status_can_be_due(stores: Stores, status: Status) -> None:
    assert stores.jobs.due(START, limit=10) == []
    made = add(stores, "a", -1, status)

    assert stores.jobs.due(START, limit=10) == [made]


def test_a_record_without_a_time_is_not_found(stores: Stores) -> None:
    add(stores, "never", None)
    add(stores, "a", -1)

    assert due(stores, seconds=10**9) == ["a"]


def test_a_time_that_is_taken_away_or_moved_counts_no_more(stores: Stores) -> None:
    for name in "abc":
        add(stores, name, -1)
    stores.jobs.update("a", when=OPEN, sweep_after=None)
    stores.jobs.transact("b", [QueueChange(in_flight_delta=1)], when=OPEN, sweep_after=at(60))

    assert due(stores) == ["c"]
    assert due(stores, seconds=60) == ["c", "b"]


def test_a_time_can_be_given_again(stores: Stores) -> None:
    add(stores, "a", None)
    stores.jobs.update("a", when=OPEN, sweep_after=START)

    assert due(stores) == ["a"]


def test_what_is_due_comes_as_it_is_now(stores: Stores) -> None:
    add(stores, "a", -1)
    changed = stores.jobs.update("a", when=OPEN, checks=3, detail="words", recovery_polls=2)

    assert stores.jobs.due(START, limit=10) == [changed]


def test_more_than_can_be_read_at_once_come_by_the_hundred(dynamodb: DynamoDBClient) -> None:
    stores = over(dynamodb, TABLE)
    for number in range(103):
        add(stores, f"j{number:03}", number - 103)

    assert due(stores, limit=500) == [f"j{number:03}" for number in range(100)]


def test_lines_claims_budgets_and_records_in_no_hurry_are_not_in_the_index(
    dynamodb: DynamoDBClient,
) -> None:
    stores = over(dynamodb, TABLE)
    stores.jobs.create(job(reservations=[reservation(5)]), [10])
    stores.jobs.transact(
        "j", [Claim("p"), QueueChange(QueueShard(), QueueShard())], when=OPEN, checks=1
    )
    assert len(dynamodb.scan(TableName=TABLE)["Items"]) == 4

    assert dynamodb.scan(TableName=TABLE, IndexName="by-sweep")["Items"] == []

    add(stores, "a", 0)
    [item] = dynamodb.scan(TableName=TABLE, IndexName="by-sweep")["Items"]
    assert item["pk"] == {"S": "JOB#a"}
