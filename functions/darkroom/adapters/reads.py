"""Reads of many items at once: what a throttled table leaves out is asked for again."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PAUSE = 0.1  # seconds more before each further try


def read_many(
    client: "DynamoDBClient",
    table: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    consistent: bool = False,
) -> dict[str, Mapping[str, Any]]:
    """Return the items that there are by their partitions: of each one at most, 100 in all."""
    items: dict[str, Mapping[str, Any]] = {}
    left, tries = list(keys), 0
    while left:
        time.sleep(min(1, tries * _PAUSE))
        tries += 1
        wanted: Any = {table: {"Keys": left, "ConsistentRead": consistent}}
        answer = client.batch_get_item(RequestItems=wanted)
        items |= {item["pk"]["S"]: item for item in answer["Responses"].get(table, [])}
        unread = answer.get("UnprocessedKeys", {})
        left = list(unread[table]["Keys"]) if table in unread else []
    return items
