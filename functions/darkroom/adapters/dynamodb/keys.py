"""API keys in DynamoDB: one partition, one item per key, with the digest as sort key.

A revoked key leaves an item in the partition of the submit queue, whose readers then see it.
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.adapters.dynamodb.items import (
    KEYS,
    REVOKED,
    Item,
    api_key,
    revocation_key,
    to_attributes,
    to_fields,
)
from darkroom.adapters.dynamodb.operations import Table
from darkroom.domain.keys import Key, Revocation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A batch creates jobs for at most 14 days (`TimeoutSeconds` in infra/statemachines/batch.asl.yaml).
_REVOCATION_RETENTION = timedelta(days=15)


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

    def revoke(self, key: Key, now: datetime) -> None:
        """Delete a key and store its revocation in one transaction."""
        fields = Revocation.of(key, now).model_dump(exclude_none=True, exclude={"key_id"})
        expiry = {"N": str(int((now + _REVOCATION_RETENTION).timestamp()))}
        item = revocation_key(key.key_id) | to_attributes(fields.items()) | {"expires_at": expiry}
        self._table.transact([{"Delete": {"Key": api_key(key.digest)}}, {"Put": {"Item": item}}])

    def revocations(self) -> list[Revocation]:
        """Return the revocations of the last 15 days with consistent reads."""
        partition = revocation_key("")["pk"]["S"]
        items = self._table.query(
            "pk = :pk AND begins_with(sk, :revoked)",
            {":pk": partition, ":revoked": REVOKED},
            ConsistentRead=True,
        )
        return [
            Revocation.model_validate(
                to_fields(item) | {"key_id": item["sk"]["S"].removeprefix(REVOKED)}
            )
            for item in items
        ]

    def mark_swept(self, key_id: str, now: datetime) -> None:
        """Record that nothing of the key waits any more, if the revocation exists."""
        self._table.update(
            {
                "Key": revocation_key(key_id),
                "UpdateExpression": "SET swept_at = :now",
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeValues": {":now": {"S": now.isoformat()}},
            }
        )


def _read(item: Item) -> Key:
    fields = to_fields(item)
    return Key.model_validate(fields | {"digest": fields["sk"]})
