"""The submit queue in DynamoDB: an item for each shard, and one for the provider's state.

A state is replaced as a whole if its version is unchanged. A shard's in-flight count is an atomic
counter. `KeyTable` writes the items of revoked keys, which are read with the shards.
"""

from typing import TYPE_CHECKING, Any

from darkroom.adapters.dynamodb.items import REVOKED, Item, provider_key, queue_key, shard_number
from darkroom.adapters.dynamodb.operations import Table
from darkroom.domain.breaker import ProviderState
from darkroom.domain.submit_queue import QueueShard, QueueSnapshot
from darkroom.ports import ProviderChange, QueueChange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_COUNTERS = {"version", "in_flight"}


class QueueTable:
    """Port `SubmitQueue` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def read(self, index: int = 0) -> QueueShard:
        """Return a queue shard; a consistent read."""
        return _shard(self._table.get(queue_key(index)) or {}, index)

    def read_all(self) -> QueueSnapshot:
        """Return the provider's state, every shard that has had a job, and the revoked keys.

        One consistent query costs one read unit for each 4 kB of all items together.
        """
        partition = queue_key()["pk"]["S"]
        shards: dict[int, QueueShard] = {}
        provider, revoked = ProviderState(), set[str]()
        for item in self._table.query("pk = :pk", {":pk": partition}, ConsistentRead=True):
            if item["sk"] == provider_key()["sk"]:
                provider = _provider(item)
            elif item["sk"]["S"].startswith(REVOKED):
                revoked.add(item["sk"]["S"].removeprefix(REVOKED))
            else:
                shard = _shard(item, shard_number(item))
                shards[shard.index] = shard
        return QueueSnapshot(provider, shards, frozenset(revoked))

    def read_provider(self) -> ProviderState:
        """Return the provider's state; a consistent read."""
        return _provider(self._table.get(provider_key()) or {})

    def swap_provider(self, before: ProviderState, after: ProviderState) -> bool:
        """Replace `before` by `after`; return False if the state has changed since it was read."""
        return self._table.update(provider_update(ProviderChange(before, after))) is not None


def _shard(item: Item, index: int) -> QueueShard:
    shard = QueueShard.model_validate_json(item["state"]["S"]) if "state" in item else QueueShard()
    counts = {name: int(item[name]["N"]) for name in _COUNTERS & item.keys()}
    return shard.model_copy(update=counts | {"index": index})


def _provider(item: Item) -> ProviderState:
    if not item:
        return ProviderState()
    state = ProviderState.model_validate_json(item["state"]["S"])
    return state.model_copy(update={"version": int(item["version"]["N"])})


def queue_update(change: QueueChange) -> dict[str, Any]:
    """Return the update of a shard, conditional on the version that was read."""
    request: dict[str, Any] = {"ExpressionAttributeValues": {}}
    update = "ADD in_flight :delta"
    conditions = []
    if change.before is not None and change.after is not None:
        state = change.after.model_dump_json(exclude={*_COUNTERS, "index"})
        request = _replacement(change.before.version, state)
        update += f" {request['UpdateExpression']}"
        conditions.append(request["ConditionExpression"])
    request["ExpressionAttributeValues"][":delta"] = {"N": str(change.in_flight_delta)}
    if change.max_in_flight is not None:
        conditions.append("(attribute_not_exists(in_flight) OR in_flight < :max_in_flight)")
        request["ExpressionAttributeValues"][":max_in_flight"] = {"N": str(change.max_in_flight)}
    if conditions:
        request["ConditionExpression"] = " AND ".join(conditions)
    return request | {"Key": queue_key(change.target), "UpdateExpression": update}


def provider_update(change: ProviderChange) -> dict[str, Any]:
    """Return the update of the provider's state, conditional on the version that was read."""
    state = change.after.model_dump_json(exclude={"version"})
    return _replacement(change.before.version, state) | {"Key": provider_key()}


def _replacement(version: int, state: str) -> dict[str, Any]:
    """Return the update that replaces a state if its version is still `version`; 0 for no item."""
    values = {":next": {"N": str(version + 1)}, ":state": {"S": state}}
    if version:
        values[":version"] = {"N": str(version)}
    return {
        "UpdateExpression": "SET version = :next, #state = :state",
        "ConditionExpression": "version = :version" if version else "attribute_not_exists(version)",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": values,
    }
