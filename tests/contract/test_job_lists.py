"""Contract of `Jobs.page`: in memory and over DynamoDB (moto)."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.dynamodb.jobs import JobTable
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
    created = job(job_id=name, caller=caller, accepted_at=START + timedelta(seconds=seconds))
    assert jobs.create(created)
    return created


def job_ids(jobs: Iterable[Job]) -> list[str]:
    return [job.job_id for job in jobs]


def cursor_of(job: Job) -> Cursor:
    return Cursor(job.accepted_at, job.job_id)


def page(
    jobs: Lists, caller: str | None, limit: int = 10, after: Cursor | None = None
) -> list[Job]:
    return jobs.page(caller, limit=limit, after=after)[0]


def all_pages(jobs: Lists, caller: str | None, limit: int) -> list[list[str]]:
    """Return the job ids of each page, without the empty last page that DynamoDB can return."""
    page_jobs, after = jobs.page(caller, limit=limit, after=None)
    pages = [job_ids(page_jobs)]
    while after:
        page_jobs, after = jobs.page(caller, limit=limit, after=after)
        pages.append(job_ids(page_jobs))
    return [page for page in pages if page]


def test_jobs_of_a_caller_are_listed_newest_first(jobs: Lists) -> None:
    for name, seconds in [("b", 20), ("a", 10), ("d", 40), ("c", 30)]:
        add(jobs, name, seconds)

    assert job_ids(page(jobs, "tests", 10)) == ["d", "c", "b", "a"]
    assert all_pages(jobs, "tests", limit=3) == [["d", "c", "b"], ["a"]]
    assert all_pages(jobs, "tests", limit=2) == [["d", "c"], ["b", "a"]]


def test_list_contains_one_caller_or_all_callers(jobs: Lists) -> None:
    for number, caller in enumerate(["key:a", "key:b", "key:a", "key:ab"]):
        add(jobs, f"j{number}", number, caller)

    assert job_ids(page(jobs, "key:a", 10)) == ["j2", "j0"]
    assert job_ids(page(jobs, None, 10)) == ["j3", "j2", "j1", "j0"]
    assert page(jobs, "key:unknown", 10) == []


def test_list_contains_the_current_records(jobs: Lists) -> None:
    add(jobs, "a")
    changed = jobs.update("a", when=OPEN, checks=3, detail="words", canceled_at=START)

    assert page(jobs, "tests", 10) == [changed]
    assert page(jobs, None, 10) == [changed]


def test_cursor_is_stable_while_jobs_are_added(jobs: Lists) -> None:
    for number in range(4):
        add(jobs, f"j{number}", number)
    first = page(jobs, "tests", 2)
    add(jobs, "new", 60)

    assert job_ids(first) == ["j3", "j2"]
    assert job_ids(page(jobs, "tests", 2, cursor_of(first[-1]))) == ["j1", "j0"]
    assert job_ids(page(jobs, None, 2, cursor_of(first[-1]))) == ["j1", "j0"]


@pytest.mark.parametrize("caller", ["tests", None])
def test_list_can_begin_before_a_time(jobs: Lists, caller: str | None) -> None:
    for number in range(4):
        add(jobs, f"j{number}", number)

    after = Cursor(START + timedelta(seconds=1.5), "")

    assert job_ids(page(jobs, caller, 10, after)) == ["j1", "j0"]


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("caller", ["tests", None])
def test_jobs_with_the_same_time_are_listed_once(
    jobs: Lists, limit: int, caller: str | None
) -> None:
    created = [add(jobs, f"j{number}").job_id for number in range(6)]

    listed = [name for page in all_pages(jobs, caller, limit) for name in page]

    assert sorted(listed) == sorted(created)


def test_more_than_100_jobs_are_read_in_pages_of_100(jobs: Lists) -> None:
    created = [add(jobs, f"j{number:03}", number).job_id for number in range(103)]

    for caller in ("tests", None):
        pages = all_pages(jobs, caller, limit=100)

        assert [len(page) for page in pages] == [100, 3]
        assert [name for page in pages for name in page] == created[::-1]


def test_other_items_of_the_table_are_not_listed(dynamodb: DynamoDBClient) -> None:
    table = JobTable(dynamodb, TABLE)
    add(table, "a")
    dynamodb.put_item(
        TableName=TABLE,
        Item={"pk": {"S": "KEYS"}, "sk": {"S": "d"}, "accepted_at": {"S": START.isoformat()}},
    )

    assert job_ids(page(table, None, 10)) == ["a"]


def test_unprocessed_keys_are_read_again(dynamodb: DynamoDBClient) -> None:
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

        assert job_ids(page(table, "tests", 10)) == ["j2", "j1", "j0"]


def test_expired_record_is_left_out(dynamodb: DynamoDBClient) -> None:
    table = JobTable(dynamodb, TABLE)
    add(table, "a")
    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    keys: list[Any] = [{"pk": {"S": f"JOB#{name}"}, "sk": {"S": "JOB"}} for name in ("x", "a")]

    with Stubber(dynamodb) as stub:
        stub.add_response("query", {"Items": keys})
        stub.add_response("batch_get_item", {"Responses": {TABLE: [item]}, "UnprocessedKeys": {}})

        assert job_ids(page(table, "tests", 10)) == ["a"]
