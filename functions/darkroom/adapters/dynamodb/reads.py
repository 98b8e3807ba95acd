"""Batch reads of items; unprocessed keys are read again."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BACKOFF = 0.1  # seconds, times the number of earlier tries


def read_many(
    client: "DynamoDBClient",
    table: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    consistent: bool = False,
) -> dict[str, Mapping[str, Any]]:
    """Return the existing items by partition key.

    `keys`: at most 100, with at most one per partition.
    """
    items: dict[str, Mapping[str, Any]] = {}
    remaining, tries = list(keys), 0
    while remaining:
        time.sleep(min(1, tries * _BACKOFF))
        tries += 1
        request: Any = {table: {"Keys": remaining, "ConsistentRead": consistent}}
        response = client.batch_get_item(RequestItems=request)
        items |= {item["pk"]["S"]: item for item in response["Responses"].get(table, [])}
        unprocessed = response.get("UnprocessedKeys", {})
        remaining = list(unprocessed[table]["Keys"]) if table in unprocessed else []
    return items
