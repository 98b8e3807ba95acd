"""The lines in DynamoDB: an item each, swapped as a whole, but for the count in flight."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.adapters.items import queue_key, shard_number
from darkroom.adapters.writes import update
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import QueueChange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_COUNTS = {"version", "in_flight"}


class QueueTable:
    """The port Lines over the table of the jobs."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, index: int = 0) -> QueueShard:
        """Return one of them, read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=queue_key(index), ConsistentRead=True
        )
        return _shard(answer.get("Item", {}), index)

    def read_all(self) -> list[QueueShard]:
        """Return those that ever had a job, read consistently; at least the first."""
        items = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": queue_key()["pk"]},
            ConsistentRead=True,
        )["Items"]  # a page: they are few, and a few kB each
        return [_shard(item, shard_number(item)) for item in items] or [QueueShard()]

    def swap(self, before: QueueShard, after: QueueShard) -> bool:
        """Change it; False, and nothing changed, if it is no more what was read."""
        return (
            update(self._client, queue_update(self._table, QueueChange(before, after))) is not None
        )


def _shard(item: Mapping[str, Any], index: int) -> QueueShard:
    shard = QueueShard.model_validate_json(item["state"]["S"]) if "state" in item else QueueShard()
    counts = {name: int(item[name]["N"]) for name in _COUNTS & item.keys()}
    return shard.model_copy(update=counts | {"index": index})


def queue_update(table: str, change: QueueChange) -> dict[str, Any]:
    """Return the update that makes a change; its condition is that nobody else made one."""
    conditions, sets = [], []
    values: dict[str, Any] = {":flight": {"N": str(change.in_flight_delta)}}
    if change.before is not None and change.after is not None:
        never = "attribute_not_exists(version)"
        conditions.append(never if change.before.version == 0 else "version = :version")
        sets += ["version = :next", "#state = :state"]
        values |= {
            ":next": {"N": str(change.before.version + 1)},
            ":state": {"S": change.after.model_dump_json(exclude={*_COUNTS, "index"})},
        }
        if change.before.version:
            values[":version"] = {"N": str(change.before.version)}
    if change.max_in_flight is not None:
        conditions.append("(attribute_not_exists(in_flight) OR in_flight < :max_in_flight)")
        values[":max_in_flight"] = {"N": str(change.max_in_flight)}
    made: dict[str, Any] = {
        "TableName": table,
        "Key": queue_key(change.target),
        "UpdateExpression": "ADD in_flight :flight" + (f" SET {', '.join(sets)}" if sets else ""),
        "ExpressionAttributeValues": values,
    }
    if sets:
        made["ExpressionAttributeNames"] = {"#state": "state"}
    if conditions:
        made["ConditionExpression"] = " AND ".join(conditions)
    return made
