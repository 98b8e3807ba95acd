"""The port JobLists: in memory and over DynamoDB (moto), one suite."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.table import JobTable
from darkroom.domain.job import OPEN, Job
from darkroom.ports import Cursor
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, job
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs

type Lists = InMemoryJobs | JobTable


@pytest.fixture
def jobs(stores: Stores) -> Lists:
    return stores.jobs


def add(jobs: Lists, name: str, seconds: float = 0, caller: str = "tests") -> Job:
    made = job(job_id=name, caller=caller, accepted_at=START + timedelta(seconds=seconds))
    assert jobs.create(made)
    return made


def names(jobs: Iterable[Job]) -> list[str]:
    return [job.job_id for job in jobs]


def at(job: Job) -> Cursor:
    return Cursor(job.accepted_at, job.job_id)


def page(
    jobs: Lists, caller: str | None, limit: int = 10, after: Cursor | None = None
) -> list[Job]:
    return jobs.page(caller, limit=limit, after=after)[0]


def walk(jobs: Lists, caller: str | None, limit: int) -> list[list[str]]:
    """The job ids on every page; DynamoDB may learn only by an empty one that it was the last."""
    found, after = jobs.page(caller, limit=limit, after=None)
    pages = [names(found)]
    while after:
        found, after = jobs.page(caller, limit=limit, after=after)
        pages.append(names(found))
    return [page for page in pages if page]


def test_a_callers_jobs_come_newest_first(jobs: Lists) -> None:
    for name, seconds in [("b", 20), ("a", 10), ("d", 40), ("c", 30)]:
        add(jobs, name, seconds)

    assert names(page(jobs, "tests", 10)) == ["d", "c", "b", "a"]
    assert walk(jobs, "tests", limit=3) == [["d", "c", "b"], ["a"]]
    assert walk(jobs, "tests", limit=2) == [["d", "c"], ["b", "a"]]


def test_a_list_is_a_callers_or_everybodys(jobs: Lists) -> None:
    for number, caller in enumerate(["key:a", "key:b", "key:a", "key:ab"]):
        add(jobs, f"j{number}", number, caller)

    assert names(page(jobs, "key:a", 10)) == ["j2", "j0"]
    assert names(page(jobs, None, 10)) == ["j3", "j2", "j1", "j0"]
    assert page(jobs, "key:nobody", 10) == []


def test_a_list_of_nothing_is_empty(jobs: Lists) -> None:
    assert page(jobs, "tests", 10) == []
    assert page(jobs, None, 10) == []


def test_parts_of_a_second_count(jobs: Lists) -> None:
    for name, seconds in [("c", 0.5), ("b", 0.000001), ("d", 1), ("a", 0)]:
        add(jobs, name, seconds)

    assert walk(jobs, "tests", limit=1) == [["d"], ["c"], ["b"], ["a"]]


def test_a_list_holds_the_records_as_they_are_now(jobs: Lists) -> None:
    add(jobs, "a")
    changed = jobs.update("a", when=OPEN, checks=3, detail="words", canceled_at=START)

    assert page(jobs, "tests", 10) == [changed]
    assert page(jobs, None, 10) == [changed]


def test_a_place_in_a_list_stays_where_it_is_as_new_jobs_come(jobs: Lists) -> None:
    for number in range(4):
        add(jobs, f"j{number}", number)
    first = page(jobs, "tests", 2)
    add(jobs, "new", 60)

    assert names(first) == ["j3", "j2"]
    assert names(page(jobs, "tests", 2, at(first[-1]))) == ["j1", "j0"]
    assert names(page(jobs, None, 2, at(first[-1]))) == ["j1", "j0"]


def test_a_place_stays_though_its_job_is_gone(jobs: Lists) -> None:
    add(jobs, "a", 1)
    gone = job(job_id="gone", accepted_at=START + timedelta(seconds=2))
    add(jobs, "b", 3)

    assert names(page(jobs, "tests", 5, at(gone))) == ["a"]
    assert names(page(jobs, None, 5, at(gone))) == ["a"]


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("caller", ["tests", None])
def test_of_many_jobs_of_one_moment_each_comes_once(
    jobs: Lists, limit: int, caller: str | None
) -> None:
    made = [add(jobs, f"j{number}").job_id for number in range(6)]

    seen = [name for page in walk(jobs, caller, limit) for name in page]

    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize("caller", ["tests", None])
def test_more_jobs_than_can_be_read_at_once_are_read_in_pages(
    jobs: Lists, caller: str | None
) -> None:
    made = [add(jobs, f"j{number:03}", number).job_id for number in range(230)]

    pages = walk(jobs, caller, limit=100)

    assert [len(page) for page in pages] == [100, 100, 30]
    assert [name for page in pages for name in page] == made[::-1]


def test_keys_and_documents_beside_the_jobs_are_no_jobs(dynamodb: DynamoDBClient) -> None:
    table = JobTable(dynamodb, TABLE)
    add(table, "a")
    dynamodb.put_item(
        TableName=TABLE,
        Item={"pk": {"S": "KEYS"}, "sk": {"S": "d"}, "accepted_at": {"S": START.isoformat()}},
    )

    assert names(page(table, None, 10)) == ["a"]


def test_records_that_were_not_read_at_once_are_asked_for_again(dynamodb: DynamoDBClient) -> None:
    table = JobTable(dynamodb, TABLE)
    for number in range(3):
        add(table, f"j{number}", number)
    items = {item["pk"]["S"]: item for item in dynamodb.scan(TableName=TABLE)["Items"]}
    keys: list[Any] = [{"pk": {"S": f"JOB#j{number}"}, "sk": {"S": "JOB"}} for number in (2, 1, 0)]

    with Stubber(dynamodb) as stub:
        stub.add_response("query", {"Items": keys})
        stub.add_response(
            "batch_get_item",
            {"Responses": {TABLE: [items["JOB#j0"]]},
             "UnprocessedKeys": {TABLE: {"Keys": keys[:2]}}},
            {"RequestItems": {TABLE: {"Keys": keys, "ConsistentRead": False}}},
        )  # fmt: skip
        stub.add_response(
            "batch_get_item",
            {"Responses": {TABLE: [items["JOB#j1"], items["JOB#j2"]]}, "UnprocessedKeys": {}},
            {"RequestItems": {TABLE: {"Keys": keys[:2], "ConsistentRead": False}}},
        )

        assert names(page(table, "tests", 10)) == ["j2", "j1", "j0"]


def test_a_record_that_has_just_expired_is_left_out(dynamodb: DynamoDBClient) -> None:
    table = JobTable(dynamodb, TABLE)
    add(table, "a")
    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    keys: list[Any] = [{"pk": {"S": f"JOB#{name}"}, "sk": {"S": "JOB"}} for name in ("x", "a")]

    with Stubber(dynamodb) as stub:
        stub.add_response("query", {"Items": keys})
        stub.add_response("batch_get_item", {"Responses": {TABLE: [item]}, "UnprocessedKeys": {}})

        assert names(page(table, "tests", 10)) == ["a"]
