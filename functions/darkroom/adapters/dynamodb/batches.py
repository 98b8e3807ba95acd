"""Batch records in DynamoDB, and refusals of rows that did not become jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from darkroom.adapters.dynamodb.items import (
    BATCH_SORT_KEY,
    REFUSALS,
    batch_key,
    change,
    deserialize,
    plain,
    refusal_key,
    serialize,
)
from darkroom.adapters.dynamodb.lists import MAX_ITEMS, Index, newest, overdue
from darkroom.adapters.dynamodb.writes import update, write
from darkroom.domain.batch import Batch, BatchStatus, Refusal
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Prefix of the caller in the index `by-caller`: it keeps batches apart from jobs.
_CALLER_PREFIX = "BATCH#"


class BatchTable:
    """Port `Batches` on the job table and its indexes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, batch: Batch) -> bool:
        """Store a new record; return False if a record with this id exists."""
        put = {
            "TableName": self._table,
            "Item": _write(batch),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        return not write(self._client, [{"Put": put}])

    def get(self, batch_id: str) -> Batch | None:
        """Return the record, or None if it does not exist; a consistent read."""
        response = self._client.get_item(
            TableName=self._table, Key=batch_key(batch_id), ConsistentRead=True
        )
        return _read(response["Item"]) if "Item" in response else None

    def update(
        self, batch_id: str, *, when: Sequence[BatchStatus], **changes: object
    ) -> Batch | None:
        """Change fields if the status is in `when`; return the new record, or None if it is not."""
        expression, names, values = change(changes)
        allowed = {f":when{n}": {"S": str(status)} for n, status in enumerate(when)}
        request = {
            "TableName": self._table,
            "Key": batch_key(batch_id),
            "UpdateExpression": expression,
            "ConditionExpression": f"#status IN ({', '.join(allowed)})",
            "ExpressionAttributeNames": names | {"#status": "status"},
            "ExpressionAttributeValues": values | allowed,
            "ReturnValues": "ALL_NEW",
        }
        response = update(self._client, request)
        return None if response is None else _read(response["Attributes"])

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return a page of batches, newest first, and the cursor of the next page.

        `caller` None lists the batches of all callers. The cursor is None at the end.
        """
        index = (
            Index("by-time", "sk", BATCH_SORT_KEY)
            if caller is None
            else Index("by-caller", "caller", f"{_CALLER_PREFIX}{caller}")
        )
        start = (after.accepted_at, batch_key(after.job_id)) if after else None
        items, cursor = newest(self._client, self._table, index, limit=limit, after=start)
        return list(map(_read, items)), cursor

    def due(self, before: datetime) -> list[Batch]:
        """Return at most 100 batches whose `sweep_after` has passed, the earliest first."""
        return list(
            map(_read, overdue(self._client, self._table, BATCH_SORT_KEY, before, MAX_ITEMS))
        )

    def refuse(self, batch: Batch, refusal: Refusal) -> None:
        """Store why a row did not become a job; the item expires with the batch's record."""
        item = {name: serialize(plain(name, value)) for name, value in refusal}
        item["expires_at"] = {"N": str(batch.expires_at)}
        key = refusal_key(batch.batch_id, refusal.row)
        self._client.put_item(TableName=self._table, Item=key | item)

    def refusals(self, batch_id: str) -> dict[int, Refusal]:
        """Return the refusals by row number."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :batch AND begins_with(sk, :rows)",
            ExpressionAttributeValues={
                ":batch": batch_key(batch_id)["pk"],
                ":rows": {"S": REFUSALS},
            },
            ConsistentRead=True,
        )
        refusals = (
            Refusal.model_validate(_plain(item)) for page in pages for item in page["Items"]
        )
        return {refusal.row: refusal for refusal in refusals}


def _write(batch: Batch) -> dict[str, Any]:
    fields = {name: serialize(plain(name, v)) for name, v in batch if v not in (None, ())}
    owner = {"caller": {"S": f"{_CALLER_PREFIX}{batch.caller}"}, "owner": {"S": batch.caller}}
    return batch_key(batch.batch_id) | fields | owner


def _read(item: Mapping[str, Any]) -> Batch:
    fields = _plain(item)
    return Batch.model_validate(fields | {"caller": fields["owner"]})


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: deserialize(value) for name, value in item.items()}
