"""API keys in DynamoDB: one partition, one item per key, with the digest as sort key."""

from datetime import date
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from darkroom.domain.keys import Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SERIALIZE = TypeSerializer().serialize
_DESERIALIZE = TypeDeserializer().deserialize
_PARTITION = "KEYS"


class KeyTable:
    """Port `Keys` on the job table; DynamoDB deletes expired keys by TTL."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, key: Key) -> None:
        """Store a new key."""
        item = key.model_dump(mode="json", exclude_none=True, exclude={"digest"})
        self._client.put_item(
            TableName=self._table,
            Item=_key(key.digest) | {name: _SERIALIZE(value) for name, value in item.items()},
        )

    def find(self, digest: str) -> Key | None:
        """Return the key with this digest, or None.

        The read is consistent, so a revoked key is refused at once.
        """
        response = self._client.get_item(
            TableName=self._table, Key=_key(digest), ConsistentRead=True
        )
        return _parse(response["Item"]) if "Item" in response else None

    def touch(self, digest: str, day: date) -> None:
        """Record the day of a key's last use; do nothing if the key does not exist."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(digest),
                UpdateExpression="SET last_used = :day",
                # An unconditional update would recreate a revoked key as an incomplete item.
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":day": {"S": day.isoformat()}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def all(self) -> list[Key]:
        """Return all keys."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :keys",
            ExpressionAttributeValues={":keys": {"S": _PARTITION}},
        )
        return [_parse(item) for page in pages for item in page["Items"]]

    def remove(self, digest: str) -> None:
        """Delete a key."""
        self._client.delete_item(TableName=self._table, Key=_key(digest))


def _key(digest: str) -> dict[str, Any]:
    return {"pk": {"S": _PARTITION}, "sk": {"S": digest}}


def _parse(item: dict[str, Any]) -> Key:
    values = {name: _DESERIALIZE(value) for name, value in item.items()}
    return Key.model_validate(values | {"digest": values["sk"]})
