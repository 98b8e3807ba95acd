"""The lines in DynamoDB: an item each, swapped as a whole, but for the count in flight."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from darkroom.adapters.items import line_key, line_number
from darkroom.adapters.writes import update
from darkroom.domain.limiter import Line
from darkroom.ports import LineChange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_COUNTS = {"version", "in_flight"}


class LineItem:
    """The port Lines over the table of the jobs."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, number: int = 0) -> Line:
        """Return one of them, read consistently."""
        answer = self._client.get_item(
            TableName=self._table, Key=line_key(number), ConsistentRead=True
        )
        return _line(answer.get("Item", {}), number)

    def read_all(self) -> list[Line]:
        """Return those that ever had a job, read consistently; at least the first."""
        items = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": line_key()["pk"]},
            ConsistentRead=True,
        )["Items"]  # a page: they are few, and a few kB each
        return [_line(item, line_number(item)) for item in items] or [Line()]

    def swap(self, before: Line, after: Line) -> bool:
        """Change it; False, and nothing changed, if it is no more what was read."""
        return update(self._client, line_update(self._table, LineChange(before, after))) is not None


def _line(item: Mapping[str, Any], number: int) -> Line:
    line = Line.model_validate_json(item["state"]["S"]) if "state" in item else Line()
    counts = {name: int(item[name]["N"]) for name in _COUNTS & item.keys()}
    return line.model_copy(update=counts | {"number": number})


def line_update(table: str, change: LineChange) -> dict[str, Any]:
    """Return the update that makes a change; its condition is that nobody else made one."""
    conditions, sets = [], []
    values: dict[str, Any] = {":flight": {"N": str(change.flight)}}
    if change.before is not None and change.after is not None:
        never = "attribute_not_exists(version)"
        conditions.append(never if change.before.version == 0 else "version = :version")
        sets += ["version = :next", "#state = :state"]
        values |= {
            ":next": {"N": str(change.before.version + 1)},
            ":state": {"S": change.after.model_dump_json(exclude={*_COUNTS, "number"})},
        }
        if change.before.version:
            values[":version"] = {"N": str(change.before.version)}
    if change.below is not None:
        conditions.append("(attribute_not_exists(in_flight) OR in_flight < :below)")
        values[":below"] = {"N": str(change.below)}
    made: dict[str, Any] = {
        "TableName": table,
        "Key": line_key(change.number),
        "UpdateExpression": "ADD in_flight :flight" + (f" SET {', '.join(sets)}" if sets else ""),
        "ExpressionAttributeValues": values,
    }
    if sets:
        made["ExpressionAttributeNames"] = {"#state": "state"}
    if conditions:
        made["ConditionExpression"] = " AND ".join(conditions)
    return made
