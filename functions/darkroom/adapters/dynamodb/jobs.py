"""Job records in DynamoDB: one item per job; every change is conditional."""

from collections.abc import Sequence
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING

from darkroom.adapters.dynamodb.items import SORT_KEY, job_key, read_job
from darkroom.adapters.dynamodb.lists import MAX_ITEMS, Index, newest, overdue, read_in_order
from darkroom.adapters.dynamodb.transactions import creation, job_update, side_write_item
from darkroom.adapters.dynamodb.writes import update, write
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import Job, Status
from darkroom.ports import Conflict, Cursor, SideWrite

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class JobTable:
    """Ports `Jobs`, `JobLists` and `ManyJobs` on the job table and its three keys-only indexes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        """Store a new record with its reservations; return False if a record with this id exists.

        `caps`: the budget of each reservation, in micro-USD. Raises BudgetExceededError if a
        reservation does not fit into its budget.
        """
        failed = write(self._client, creation(self._table, job, caps))
        if 0 in failed:
            return False
        for index in failed:
            reservation, cap = job.reservations[index - 1], caps[index - 1]
            raise BudgetExceededError(reservation.scope, cap, None, reservation.micro_usd)
        return True

    def get(self, job_id: str) -> Job | None:
        """Return the record, or None if it does not exist; a consistent read."""
        response = self._client.get_item(
            TableName=self._table, Key=job_key(job_id), ConsistentRead=True
        )
        return read_job(response["Item"]) if "Item" in response else None

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
        """Change fields if the status is in `when`; return the new record, or None if it is not.

        `absent`: a field that must not be set, as a second condition.
        """
        change = job_update(self._table, job_id, when, absent, changes)
        response = update(self._client, change | {"ReturnValues": "ALL_NEW"})
        return None if response is None else read_job(response["Attributes"])

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | None = None,
        **changes: object,
    ) -> Job | Conflict:
        """Update the record together with `side_writes` in one transaction.

        Return the new record, or the Conflict that rolled the transaction back.
        """
        if not side_writes:  # a transaction costs twice as much
            return self.update(job_id, when=when, absent=absent, **changes) or Conflict.JOB
        others = [side_write_item(self._table, job_id, side_write) for side_write in side_writes]
        change = job_update(self._table, job_id, when, absent, changes)
        failed = write(self._client, [{"Update": change}, *(item for item, _ in others)])
        if failed:
            # A conflict on the record takes precedence over one of a side write.
            return Conflict.JOB if failed[0] == 0 else others[failed[0] - 1][1]
        job = self.get(job_id)
        return Conflict.JOB if job is None else job

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Job], Cursor | None]:
        """Return at most 100 jobs, newest first, and the cursor of the next page; None at the end.

        `caller` None lists the jobs of all callers.
        """
        index = (
            Index("by-time", "sk", SORT_KEY)
            if caller is None
            else Index("by-caller", "caller", caller)
        )
        start = (after.accepted_at, job_key(after.job_id)) if after else None
        items, cursor = newest(self._client, self._table, index, limit=limit, after=start)
        return list(map(read_job, items)), cursor

    def due(self, before: datetime, *, limit: int) -> list[Job]:
        """Return at most 100 jobs whose `sweep_after` has passed, the earliest first."""
        items = overdue(self._client, self._table, SORT_KEY, before, limit)
        return list(map(read_job, items))

    def many(self, job_ids: Sequence[str]) -> list[Job]:
        """Return the existing records of `job_ids`; consistent reads."""
        return [
            read_job(item)
            for keys in batched(map(job_key, job_ids), MAX_ITEMS, strict=False)
            for item in read_in_order(self._client, self._table, keys, consistent=True)
        ]
