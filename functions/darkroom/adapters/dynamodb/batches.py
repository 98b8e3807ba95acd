"""Batch records in DynamoDB, and refusals of rows that did not become jobs."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from darkroom.adapters.dynamodb.items import (
    BATCH,
    REFUSALS,
    Item,
    batch_key,
    refusal_key,
    to_attributes,
    to_fields,
)
from darkroom.adapters.dynamodb.operations import MAX_ITEMS, Table, record_update
from darkroom.domain.batch import Batch, BatchStatus, Refusal
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Prefix of the caller in the index `by-caller`: it keeps batches apart from jobs.
_CALLER_PREFIX = "BATCH#"


class BatchTable:
    """Port `Batches` on the job table and its indexes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def create(self, batch: Batch) -> bool:
        """Store a new record; return False if a record with this id exists."""
        put = {"Item": _write(batch), "ConditionExpression": "attribute_not_exists(pk)"}
        return not self._table.transact([{"Put": put}])

    def get(self, batch_id: str) -> Batch | None:
        """Return the record, or None if it does not exist; a consistent read."""
        item = self._table.get(batch_key(batch_id))
        return None if item is None else _read(item)

    def update(
        self, batch_id: str, *, when: Sequence[BatchStatus], **changes: object
    ) -> Batch | None:
        """Change fields if the status is in `when`; return the new record, or None if it is not."""
        update = record_update(batch_key(batch_id), when, changes)
        item = self._table.update(update | {"ReturnValues": "ALL_NEW"})
        return None if item is None else _read(item)

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return a page of batches, newest first, and the cursor of the next page.

        `caller` None lists the batches of all callers. The cursor is None at the end.
        """
        owner = None if caller is None else f"{_CALLER_PREFIX}{caller}"
        items, cursor = self._table.page(BATCH, owner, limit=limit, after=after)
        return list(map(_read, items)), cursor

    def due(self, before: datetime) -> list[Batch]:
        """Return at most 100 batches whose `sweep_after` has passed, the earliest first."""
        return list(map(_read, self._table.due(BATCH, before, MAX_ITEMS)))

    def refuse(self, batch: Batch, refusal: Refusal) -> None:
        """Store why a row did not become a job; the item expires with the batch's record."""
        self._table.put(
            refusal_key(batch.batch_id, refusal.row)
            | to_attributes(refusal)
            | {"expires_at": {"N": str(batch.expires_at)}}
        )

    def refusals(self, batch_id: str) -> dict[int, Refusal]:
        """Return the refusals by row number."""
        items = self._table.query(
            "pk = :batch AND begins_with(sk, :rows)",
            {":batch": batch_key(batch_id)["pk"]["S"], ":rows": REFUSALS},
            ConsistentRead=True,
        )
        refusals = (Refusal.model_validate(to_fields(item)) for item in items)
        return {refusal.row: refusal for refusal in refusals}


def _write(batch: Batch) -> dict[str, Any]:
    kept = ((name, value) for name, value in batch if value not in (None, ()))
    owner = {"caller": {"S": f"{_CALLER_PREFIX}{batch.caller}"}, "owner": {"S": batch.caller}}
    return batch_key(batch.batch_id) | to_attributes(kept) | owner


def _read(item: Item) -> Batch:
    fields = to_fields(item)
    return Batch.model_validate(fields | {"caller": fields["owner"]})
