"""Queue shards in DynamoDB: one item each.

The state is replaced as a whole if its version is unchanged; the in-flight count is an atomic
counter.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.adapters.dynamodb.items import queue_key, shard_number
from darkroom.adapters.dynamodb.writes import update
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import QueueChange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_COUNTERS = {"version", "in_flight"}


class QueueTable:
    """Port `SubmitQueue` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, index: int = 0) -> QueueShard:
        """Return a queue shard; a consistent read."""
        response = self._client.get_item(
            TableName=self._table, Key=queue_key(index), ConsistentRead=True
        )
        return _shard(response.get("Item", {}), index)

    def read_all(self) -> list[QueueShard]:
        """Return all shards that ever had a job, at least the first; a consistent read."""
        items = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": queue_key()["pk"]},
            ConsistentRead=True,
        )["Items"]  # one page: the shards are few, with a few kB each
        return [_shard(item, shard_number(item)) for item in items] or [QueueShard()]

    def swap(self, before: QueueShard, after: QueueShard) -> bool:
        """Replace `before` by `after`; return False if the shard has changed since it was read."""
        return (
            update(self._client, queue_update(self._table, QueueChange(before, after))) is not None
        )


def _shard(item: Mapping[str, Any], index: int) -> QueueShard:
    shard = QueueShard.model_validate_json(item["state"]["S"]) if "state" in item else QueueShard()
    counts = {name: int(item[name]["N"]) for name in _COUNTERS & item.keys()}
    return shard.model_copy(update=counts | {"index": index})


def queue_update(table: str, change: QueueChange) -> dict[str, Any]:
    """Return the update of a change, conditional on the version that was read."""
    conditions, sets = [], []
    values: dict[str, Any] = {":delta": {"N": str(change.in_flight_delta)}}
    if change.before is not None and change.after is not None:
        is_new = "attribute_not_exists(version)"
        conditions.append(is_new if change.before.version == 0 else "version = :version")
        sets += ["version = :next", "#state = :state"]
        values |= {
            ":next": {"N": str(change.before.version + 1)},
            ":state": {"S": change.after.model_dump_json(exclude={*_COUNTERS, "index"})},
        }
        if change.before.version:
            values[":version"] = {"N": str(change.before.version)}
    if change.max_in_flight is not None:
        conditions.append("(attribute_not_exists(in_flight) OR in_flight < :max_in_flight)")
        values[":max_in_flight"] = {"N": str(change.max_in_flight)}
    request: dict[str, Any] = {
        "TableName": table,
        "Key": queue_key(change.target),
        "UpdateExpression": "ADD in_flight :delta" + (f" SET {', '.join(sets)}" if sets else ""),
        "ExpressionAttributeValues": values,
    }
    if sets:
        request["ExpressionAttributeNames"] = {"#state": "state"}
    if conditions:
        request["ConditionExpression"] = " AND ".join(conditions)
    return request
