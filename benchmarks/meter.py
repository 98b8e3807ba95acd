"""Counts the AWS calls of a session, and the units that DynamoDB bills for them."""

import json
import math
from collections import Counter
from typing import Any

import boto3

from benchmarks.template import properties


class Meter:
    """The usage of one table, and the number of calls by operation."""

    def __init__(self, session: boto3.Session, table: str) -> None:
        self.calls: Counter[str] = Counter()
        self.write_units, self.read_units = 0, 0.0
        self._table = table
        self._client = boto3.Session().client("dynamodb")  # its calls do not count
        session.events.register("before-call", self._before)
        session.events.register("after-call", self._after)

    def _before(self, model: Any, params: Any, context: Any, **_: Any) -> None:
        """Count a call, and remember the items that it changes."""
        self.calls[model.name] += 1
        if model.service_model.service_name != "dynamodb":
            return
        context["request"] = request = json.loads(params["body"])
        context["items"] = [(key, self._item(key)) for key in _changed_keys(model.name, request)]

    def _after(self, model: Any, context: Any, parsed: Any, **_: Any) -> None:
        """Add the units of a call."""
        if model.name in ("GetItem", "Query"):
            items = parsed["Items"] if model.name == "Query" else [parsed.get("Item", {})]
            units = max(1, math.ceil(sum(map(_size, items)) / 4096))  # billed together
            self.read_units += units if context["request"].get("ConsistentRead") else units / 2
        for key, old in context.get("items", ()):
            new = self._item(key)
            factor = 2 if model.name == "TransactWriteItems" else 1
            self.write_units += max(1, math.ceil(max(_size(old), _size(new)) / 1024)) * factor
            for index in properties("Table")["GlobalSecondaryIndexes"]:
                names = [attribute["AttributeName"] for attribute in index["KeySchema"]]
                before, after = ([item.get(name) for name in names] for item in (old, new))
                if before != after:  # an index entry is deleted, added, or both
                    self.write_units += (None not in before) + (None not in after)

    def _item(self, key: dict[str, Any]) -> dict[str, Any]:
        found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return dict(found.get("Item", {}))


def _changed_keys(operation: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    match operation:
        case "TransactWriteItems":
            writes = [next(iter(write.values())) for write in request["TransactItems"]]
        case "PutItem" | "UpdateItem":
            writes = [request]
        case _:
            writes = []
    return [
        write.get("Key") or {name: write["Item"][name] for name in ("pk", "sk")} for write in writes
    ]


def _size(value: Any) -> int:
    """Return the size that DynamoDB bills for an item or a typed value, in bytes."""
    match value:
        case {"S": str(text)}:
            return len(text.encode())
        case {"N": str(number)}:
            return len(number.strip("-").replace(".", "")) // 2 + 2
        case {"BOOL": _} | {"NULL": _}:
            return 1
        case {"L": list(values)}:
            return 3 + sum(1 + _size(element) for element in values)
        case {"M": dict(fields)}:
            return 3 + sum(1 + len(name.encode()) + _size(field) for name, field in fields.items())
        case dict():
            return sum(len(name.encode()) + _size(field) for name, field in value.items())
    raise ValueError(f"not a DynamoDB item: {value}")
