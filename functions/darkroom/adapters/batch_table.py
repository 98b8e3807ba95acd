"""The batch records in DynamoDB, beside the jobs', and notes on rows that became no job."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from darkroom.adapters.items import (
    BATCH_SORT_KEY,
    REFUSALS,
    batch_key,
    change,
    deserialize,
    plain,
    refusal_key,
    serialize,
)
from darkroom.adapters.lists import MOST, Index, newest, overdue
from darkroom.adapters.writes import update, write
from darkroom.domain.batch import Batch, BatchStatus, Refusal
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# In the index of callers a batch stands apart from its caller's jobs.
_OWNER = "BATCH#"


class BatchTable:
    """The port Batches over the jobs' table and two of its indexes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, batch: Batch) -> bool:
        """Store a new record; False if there is one with this id already."""
        put = {
            "TableName": self._table,
            "Item": _write(batch),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        return not write(self._client, [{"Put": put}])

    def get(self, batch_id: str) -> Batch | None:
        """Return the record, read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=batch_key(batch_id), ConsistentRead=True
        )
        return _read(answer["Item"]) if "Item" in answer else None

    def update(
        self, batch_id: str, *, when: Sequence[BatchStatus], **changes: object
    ) -> Batch | None:
        """Change fields if the status is one of `when`; None, and nothing changed, if it is not."""
        expression, names, values = change(changes)
        allowed = {f":when{n}": {"S": str(status)} for n, status in enumerate(when)}
        asked = {
            "TableName": self._table,
            "Key": batch_key(batch_id),
            "UpdateExpression": expression,
            "ConditionExpression": f"#status IN ({', '.join(allowed)})",
            "ExpressionAttributeNames": names | {"#status": "status"},
            "ExpressionAttributeValues": values | allowed,
            "ReturnValues": "ALL_NEW",
        }
        answer = update(self._client, asked)
        return None if answer is None else _read(answer["Attributes"])

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return a caller's batches, or everybody's, newest first, and where to go on."""
        index = (
            Index("by-time", "sk", BATCH_SORT_KEY)
            if caller is None
            else Index("by-caller", "caller", f"{_OWNER}{caller}")
        )
        start = (after.accepted_at, batch_key(after.job_id)) if after else None
        items, further = newest(self._client, self._table, index, limit=limit, after=start)
        return list(map(_read, items)), further

    def due(self, before: datetime) -> list[Batch]:
        """Return batches whose `sweep_after` has come, the longest overdue first; 100 at most."""
        return list(map(_read, overdue(self._client, self._table, BATCH_SORT_KEY, before, MOST)))

    def refuse(self, batch: Batch, refusal: Refusal) -> None:
        """Note why a row became no job; the note goes when the batch's record does."""
        told = {name: serialize(plain(name, value)) for name, value in refusal}
        told["expires_at"] = {"N": str(batch.expires_at)}
        key = refusal_key(batch.batch_id, refusal.row)
        self._client.put_item(TableName=self._table, Item=key | told)

    def refusals(self, batch_id: str) -> dict[int, Refusal]:
        """Return those notes by their rows."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :batch AND begins_with(sk, :rows)",
            ExpressionAttributeValues={
                ":batch": batch_key(batch_id)["pk"],
                ":rows": {"S": REFUSALS},
            },
            ConsistentRead=True,
        )
        found = [Refusal.model_validate(_plain(item)) for page in pages for item in page["Items"]]
        return {each.row: each for each in found}


def _write(batch: Batch) -> dict[str, Any]:
    told = {name: serialize(plain(name, v)) for name, v in batch if v not in (None, ())}
    owner = {"caller": {"S": f"{_OWNER}{batch.caller}"}, "owner": {"S": batch.caller}}
    return batch_key(batch.batch_id) | told | owner


def _read(item: Mapping[str, Any]) -> Batch:
    told = _plain(item)
    return Batch.model_validate(told | {"caller": told["owner"]})


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: deserialize(value) for name, value in item.items()}
