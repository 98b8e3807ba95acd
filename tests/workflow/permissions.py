"""Check table requests of functions against the permissions of the template."""

import json
from fnmatch import fnmatchcase
from typing import Any

from tests.infra.policies import granted_actions, is_allowed

_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}


def denied_requests(function: str, operation: str, body: Any) -> list[str]:
    """Return the actions of a request that AWS would deny; a transaction counts as one request."""
    request = json.loads(body)
    actions: set[str]
    partitions: set[str]
    match operation:
        case "Query" if "IndexName" not in request:
            actions, partitions = {operation}, {request["ExpressionAttributeValues"][":pk"]["S"]}
        case "Query":
            index = f"${{Table.Arn}}/index/{request['IndexName']}"
            allowed = granted_actions(function).get("dynamodb:Query", set())
            can_query = any(fnmatchcase(index, target) for target in allowed)
            return [] if can_query else [f"{function} must not query {index}"]
        case "TransactWriteItems":
            writes = [next(iter(item.items())) for item in request["TransactItems"]]
            actions = {_WRITES[kind] for kind, _ in writes}
            partitions = {_partition(item) for _, item in writes}
        case "BatchGetItem":
            (table,) = request["RequestItems"].values()
            actions, partitions = {operation}, {key["pk"]["S"] for key in table["Keys"]}
        case _:
            actions, partitions = {operation}, {_partition(request)}
    return [
        f"{function} must not {action} {partitions}"
        for action in actions
        if not is_allowed(function, action, partitions)
    ]


def _partition(item: dict[str, Any]) -> str:
    return str((item.get("Key") or item["Item"])["pk"]["S"])
