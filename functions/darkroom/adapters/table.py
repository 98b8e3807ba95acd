"""The job records in DynamoDB: one table, one item a job, every change conditional."""

from collections.abc import Sequence
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING

from darkroom.adapters.items import SORT_KEY, job_key, read_job
from darkroom.adapters.lists import MOST, Index, in_order, newest, overdue
from darkroom.adapters.transactions import creation, job_update, side_write_item
from darkroom.adapters.writes import update, write
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import Job, Status
from darkroom.ports import Conflict, Cursor, SideWrite

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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
            reservation, cap = job.reservations[index - 1], caps[index - 1]
            raise BudgetExceededError(reservation.scope, cap, None, reservation.micro_usd)
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

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | None = None,
        **changes: object,
    ) -> Job | Conflict:
        """Like `update`, in one transaction with what else changes: all of it or nothing."""
        if not side_writes:  # a transaction costs twice as much
            return self.update(job_id, when=when, absent=absent, **changes) or Conflict.JOB
        others = [side_write_item(self._table, job_id, each) for each in side_writes]
        change = job_update(self._table, job_id, when, absent, changes)
        failed = write(self._client, [{"Update": change}, *(item for item, _ in others)])
        if failed:
            # The record first: if that has moved on, nothing else matters.
            return Conflict.JOB if failed[0] == 0 else others[failed[0] - 1][1]
        job = self.get(job_id)
        return Conflict.JOB if job is None else job

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return the next jobs, newest first, 100 at most, and where to go on; None at the end."""
        index = (
            Index("by-time", "sk", SORT_KEY)
            if caller is None
            else Index("by-caller", "caller", caller)
        )
        start = (after.accepted_at, job_key(after.job_id)) if after else None
        items, further = newest(self._client, self._table, index, limit=limit, after=start)
        return list(map(read_job, items)), further

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        """Return the jobs whose `sweep_after` has come, the longest overdue first; 100 at most."""
        items = overdue(self._client, self._table, SORT_KEY, before, limit)
        return list(map(read_job, items))

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Return those records that there are, read consistently."""
        return [
            read_job(item)
            for some in batched(map(job_key, job_ids), MOST, strict=False)
            for item in in_order(self._client, self._table, some, consistent=True)
        ]
