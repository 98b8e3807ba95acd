"""The job records in DynamoDB: one table, one item a job, every change conditional."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING, Any

from darkroom.adapters.items import SORT_KEY, job_key, partition, read_job
from darkroom.adapters.reads import read_many
from darkroom.adapters.transactions import creation, job_update, other
from darkroom.adapters.writes import update, write
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import Job, Status
from darkroom.ports import Also, Cursor, Hitch

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MAX_BATCH = 100  # DynamoDB reads no more items at once


class JobTable:
    """The ports Jobs and JobLists over one DynamoDB table (`pk`, `sk`, three indexes of keys)."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        """Store a new record and hold its `holds`; False if there is one with this id already.

        `caps`: for each hold, what all of its budget's may come to; raises BudgetExceededError.
        """
        failed = write(self._client, creation(self._table, job, caps))
        if 0 in failed:
            return False
        for index in failed:
            hold, cap = job.holds[index - 1], caps[index - 1]
            raise BudgetExceededError(hold.scope, cap, None, hold.micro_usd)
        return True

    def get(self, job_id: str) -> Job | None:
        """Return the record, read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=job_key(job_id), ConsistentRead=True
        )
        return read_job(answer["Item"]) if "Item" in answer else None

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
        """Change fields if the status is one of `when`; None, and nothing changed, if it is not."""
        change = job_update(self._table, job_id, when, absent, changes)
        answer = update(self._client, change | {"ReturnValues": "ALL_NEW"})
        return None if answer is None else read_job(answer["Attributes"])

    def together(
        self,
        job_id: str,
        also: Sequence[Also],
        *,
        when: Sequence[Status],
        absent: str | None = None,
        **changes: object,
    ) -> Job | Hitch:
        """Like `update`, in one transaction with what else changes: all of it or nothing."""
        others = [other(self._table, job_id, each) for each in also]
        change = job_update(self._table, job_id, when, absent, changes)
        failed = write(self._client, [{"Update": change}, *(item for item, _ in others)])
        if failed:
            # The record first: if that has moved on, nothing else matters.
            return Hitch.JOB if failed[0] == 0 else others[failed[0] - 1][1]
        job = self.get(job_id)
        return Hitch.JOB if job is None else job

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return the next jobs, newest first, 100 at most, and where to go on; None at the end."""
        index, name, value = (
            ("by-time", "sk", SORT_KEY) if caller is None else ("by-caller", "caller", caller)
        )
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": index,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": name},
            "ExpressionAttributeValues": {":owner": {"S": value}},
            "ScanIndexForward": False,
            "Limit": min(limit, _MAX_BATCH),
        }
        if after:
            start = {"accepted_at": {"S": after.accepted_at.isoformat()}, name: {"S": value}}
            query["ExclusiveStartKey"] = start | job_key(after.job_id)
        answer = self._client.query(**query)
        return self._records(answer["Items"]), _cursor(answer.get("LastEvaluatedKey"))

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        """Return the jobs whose `due_at` has come, the longest overdue first; 100 at most."""
        answer = self._client.query(
            TableName=self._table,
            IndexName="by-due",
            KeyConditionExpression="sk = :jobs AND due_at <= :before",
            ExpressionAttributeValues={
                ":jobs": {"S": SORT_KEY},
                ":before": {"S": before.isoformat()},
            },
            Limit=min(limit, _MAX_BATCH),
        )
        return self._records(answer["Items"])

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Return those records that there are, read consistently."""
        return [
            job
            for some in batched(map(job_key, job_ids), _MAX_BATCH, strict=False)
            for job in self._records(some, consistent=True)
        ]

    def _records(
        self, found: Sequence[Mapping[str, Any]], *, consistent: bool = False
    ) -> list[Job]:
        """Return the records of an index's items, in their order; it holds no more than keys."""
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in found]
        items = read_many(self._client, self._table, keys, consistent=consistent)
        # A record may have expired since the index was read.
        return [read_job(items[key["pk"]["S"]]) for key in keys if key["pk"]["S"] in items]


def _cursor(last: Mapping[str, Any] | None) -> Cursor | None:
    if last is None:
        return None
    moment = datetime.fromisoformat(last["accepted_at"]["S"])
    return Cursor(moment, last["pk"]["S"].removeprefix(partition("")))
