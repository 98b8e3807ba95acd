"""Lists of records from the table's indexes, which contain only keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from darkroom.adapters.dynamodb.reads import read_many
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Item = Mapping[str, Any]

MAX_ITEMS = 100  # per BatchGetItem call


class Index(NamedTuple):
    """One partition of an index: the index name, and the name and value of the partition key."""

    name: str
    key: str
    value: str


def newest(
    client: "DynamoDBClient",
    table: str,
    index: Index,
    *,
    limit: int,
    after: tuple[datetime, Item] | None,
) -> tuple[list[Item], Cursor | None]:
    """Return at most 100 items, newest first, and the cursor of the next page; None at the end.

    `after`: `accepted_at` and key of the last item of the previous page.
    """
    query: dict[str, Any] = {
        "TableName": table,
        "IndexName": index.name,
        "KeyConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": index.key},
        "ExpressionAttributeValues": {":owner": {"S": index.value}},
        "ScanIndexForward": False,
        "Limit": min(limit, MAX_ITEMS),
    }
    if after:
        accepted_at, key = after
        start = {"accepted_at": {"S": accepted_at.isoformat()}, index.key: {"S": index.value}}
        query["ExclusiveStartKey"] = start | dict(key)
    response = client.query(**query)
    last_key = response.get("LastEvaluatedKey")
    return read_in_order(client, table, response["Items"]), _cursor(last_key)


def overdue(
    client: "DynamoDBClient", table: str, kind: str, before: datetime, limit: int
) -> list[Item]:
    """Return the items of a kind whose `sweep_after` has passed, the earliest first."""
    response = client.query(
        TableName=table,
        IndexName="by-sweep",
        KeyConditionExpression="sk = :kind AND sweep_after <= :before",
        ExpressionAttributeValues={
            ":kind": {"S": kind},
            ":before": {"S": before.isoformat()},
        },
        Limit=min(limit, MAX_ITEMS),
    )
    return read_in_order(client, table, response["Items"])


def read_in_order(
    client: "DynamoDBClient", table: str, index_items: Sequence[Item], *, consistent: bool = False
) -> list[Item]:
    """Return the full items of `index_items`, in the same order; missing items are left out."""
    keys = [{"pk": item["pk"], "sk": item["sk"]} for item in index_items]
    items = read_many(client, table, keys, consistent=consistent)
    # An item may have expired since the index was read.
    return [items[key["pk"]["S"]] for key in keys if key["pk"]["S"] in items]


def _cursor(last_key: Item | None) -> Cursor | None:
    if last_key is None:
        return None
    accepted_at = datetime.fromisoformat(last_key["accepted_at"]["S"])
    return Cursor(accepted_at, last_key["pk"]["S"].partition("#")[2])
