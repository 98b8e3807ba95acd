"""API keys in DynamoDB: one partition, one item per key, with the digest as sort key.

The day of a key's last use is an item of another partition, so that the authorizer can write it
without a permission to write keys. A revoked key leaves an item in the partition of the submit
queue, whose readers then see it.
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from darkroom.adapters.dynamodb.items import (
    KEY_USE,
    KEYS,
    REVOKED,
    Item,
    api_key,
    cap_item,
    key_use_key,
    request_count_key,
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
_COUNT_SECONDS = 3600  # until the count of a minute is deleted


class KeyTable:
    """Port `Keys` on the job table; DynamoDB deletes expired keys by TTL."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def add(self, key: Key, cap: int | None = None) -> None:
        """Store a new key and, unless None, the daily budget `cap` of its caller."""
        fields = key.model_dump(mode="json", exclude_none=True, exclude={"digest", "last_used"})
        kept = ((name, value) for name, value in fields.items() if value != [])
        items = [api_key(key.digest) | to_attributes(kept)]
        if cap is not None:
            items.append(cap_item(key.caller.name, cap))
        self._table.transact([{"Put": {"Item": item}} for item in items])

    def find(self, digest: str) -> Key | None:
        """Return the key with this digest, or None.

        The read is consistent, so a revoked key is refused at once.
        """
        items = self._table.many([api_key(digest), key_use_key(digest)], consistent=True)
        found = {item["pk"]["S"]: item for item in items}
        return _read(found.get(KEYS), found.get(KEY_USE))

    def touch(self, key: Key, day: date) -> None:
        """Record the day of a key's last use. The record expires with the key."""
        values: dict[str, Any] = {":day": {"S": day.isoformat()}}
        changes = "last_used = :day"
        if key.expires_at is not None:
            values[":expiry"] = {"N": str(key.expires_at)}
            changes += ", expires_at = :expiry"
        self._table.update(
            {
                "Key": key_use_key(key.digest),
                "UpdateExpression": f"SET {changes}",
                "ExpressionAttributeValues": values,
            }
        )

    def all(self) -> list[Key]:
        """Return all keys."""
        uses = {item["sk"]["S"]: item for item in self._table.query("pk = :pk", {":pk": KEY_USE})}
        items = self._table.query("pk = :pk", {":pk": KEYS})
        keys = (_read(item, uses.get(item["sk"]["S"])) for item in items)
        return [key for key in keys if key is not None]

    def revoke(self, key: Key, now: datetime) -> None:
        """Delete a key and store its revocation in one transaction."""
        fields = Revocation.of(key, now).model_dump(exclude_none=True, exclude={"key_id"})
        expiry = {"N": str(int((now + _REVOCATION_RETENTION).timestamp()))}
        item = revocation_key(key.key_id) | to_attributes(fields.items()) | {"expires_at": expiry}
        keys = (api_key(key.digest), key_use_key(key.digest))
        deletions = [{"Delete": {"Key": each}} for each in keys]
        self._table.transact([*deletions, {"Put": {"Item": item}}])

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


class RequestCountTable:
    """Port `RequestCounter` on the job table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def add(self, key_id: str, minute: int) -> int:
        """Count a request in a minute since 1970; return the requests of the minute so far."""
        counted = self._table.update(
            {
                "Key": request_count_key(key_id, minute),
                "UpdateExpression": "ADD requests :one SET expires_at = :expiry",
                "ExpressionAttributeValues": {
                    ":one": {"N": "1"},
                    ":expiry": {"N": str(minute * 60 + _COUNT_SECONDS)},
                },
                "ReturnValues": "UPDATED_NEW",
            }
        )
        return int(counted["requests"]["N"]) if counted else 0


def _read(item: Item | None, use: Item | None) -> Key | None:
    """Return a key with its last use. An incomplete item is no key."""
    if item is None:
        return None
    fields = to_fields(item)
    if use is not None:
        fields["last_used"] = use["last_used"]["S"]
    try:
        return Key.model_validate(fields | {"digest": fields["sk"]})
    except ValidationError:
        return None
