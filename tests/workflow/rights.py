"""What a function asks of the table, held against the rights that the template gives it."""

import json
from typing import Any

from tests.infra.policies import grants, may

_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}


def refused(function: str, operation: str, sent: Any) -> list[str]:
    """Return what of a call would be refused on AWS; all of a transaction counts as one request."""
    asked = json.loads(sent)
    actions: set[str]
    partitions: set[str]
    match operation:
        case "Query" if "IndexName" not in asked:
            actions, partitions = {operation}, {asked["ExpressionAttributeValues"][":pk"]["S"]}
        case "Query":
            index = f"${{Table.Arn}}/index/{asked['IndexName']}"
            is_allowed = index in grants(function).get("dynamodb:Query", set())
            return [] if is_allowed else [f"{function} may not query {index}"]
        case "TransactWriteItems":
            parts = [next(iter(part.items())) for part in asked["TransactItems"]]
            actions = {_WRITES[kind] for kind, _ in parts}
            partitions = {_partition(item) for _, item in parts}
        case "BatchGetItem":
            (table,) = asked["RequestItems"].values()
            actions, partitions = {operation}, {key["pk"]["S"] for key in table["Keys"]}
        case _:
            actions, partitions = {operation}, {_partition(asked)}
    return [
        f"{function} may not {action} {partitions}"
        for action in actions
        if not may(function, action, partitions)
    ]


def _partition(item: dict[str, Any]) -> str:
    return str((item.get("Key") or item["Item"])["pk"]["S"])
