"""API keys in DynamoDB: one partition, one item per key, with the digest as sort key."""

from datetime import date
from typing import TYPE_CHECKING

from darkroom.adapters.dynamodb.items import KEYS, Item, api_key, to_attributes, to_fields
from darkroom.adapters.dynamodb.operations import Table
from darkroom.domain.keys import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class KeyTable:
    """Port `Keys` on the job table; DynamoDB deletes expired keys by TTL."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def add(self, key: Key) -> None:
        """Store a new key."""
        fields = key.model_dump(mode="json", exclude_none=True, exclude={"digest"})
        self._table.put(api_key(key.digest) | to_attributes(fields.items()))

    def find(self, digest: str) -> Key | None:
        """Return the key with this digest, or None.

        The read is consistent, so a revoked key is refused at once.
        """
        item = self._table.get(api_key(digest))
        return None if item is None else _read(item)

    def touch(self, digest: str, day: date) -> None:
        """Record the day of a key's last use; do nothing if the key does not exist."""
        self._table.update(
            {
                "Key": api_key(digest),
                "UpdateExpression": "SET last_used = :day",
                # An unconditional update would recreate a revoked key as an incomplete item.
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeValues": {":day": {"S": day.isoformat()}},
            }
        )

    def all(self) -> list[Key]:
        """Return all keys."""
        return list(map(_read, self._table.query("pk = :keys", {":keys": KEYS})))

    def remove(self, digest: str) -> None:
        """Delete a key."""
        self._table.delete(api_key(digest))


def _read(item: Item) -> Key:
    fields = to_fields(item)
    return Key.model_validate(fields | {"digest": fields["sk"]})
