"""Lists of records out of the table's indexes, which hold no more than keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from darkroom.adapters.reads import read_many
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Item = Mapping[str, Any]

MOST = 100  # DynamoDB reads no more items at once


class Index(NamedTuple):
    """One partition of an index: its name, its key's name and value."""

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
    """Return the next items, newest first, 100 at most, and where to go on; None at the end.

    `after`: when the item that was seen last was accepted, and its key.
    """
    query: dict[str, Any] = {
        "TableName": table,
        "IndexName": index.name,
        "KeyConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": index.key},
        "ExpressionAttributeValues": {":owner": {"S": index.value}},
        "ScanIndexForward": False,
        "Limit": min(limit, MOST),
    }
    if after:
        moment, key = after
        start = {"accepted_at": {"S": moment.isoformat()}, index.key: {"S": index.value}}
        query["ExclusiveStartKey"] = start | dict(key)
    answer = client.query(**query)
    last = answer.get("LastEvaluatedKey")
    return in_order(client, table, answer["Items"]), _cursor(last)


def overdue(
    client: "DynamoDBClient", table: str, kind: str, before: datetime, limit: int
) -> list[Item]:
    """Return the items of a kind whose `sweep_after` has come, the longest overdue first."""
    answer = client.query(
        TableName=table,
        IndexName="by-sweep",
        KeyConditionExpression="sk = :kind AND sweep_after <= :before",
        ExpressionAttributeValues={
            ":kind": {"S": kind},
            ":before": {"S": before.isoformat()},
        },
        Limit=min(limit, MOST),
    )
    return in_order(client, table, answer["Items"])


def in_order(
    client: "DynamoDBClient", table: str, found: Sequence[Item], *, consistent: bool = False
) -> list[Item]:
    """Return the items whose keys are in `found`, in its order."""
    keys = [{"pk": item["pk"], "sk": item["sk"]} for item in found]
    items = read_many(client, table, keys, consistent=consistent)
    # One may have expired since the index was read.
    return [items[key["pk"]["S"]] for key in keys if key["pk"]["S"] in items]


def _cursor(last: Item | None) -> Cursor | None:
    if last is None:
        return None
    moment = datetime.fromisoformat(last["accepted_at"]["S"])
    return Cursor(moment, last["pk"]["S"].partition("#")[2])
