"""Operations on the table: consistent reads, conditional writes, and lists from its indexes.

Every write is retried after a conflict with a concurrent transaction.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom.adapters.dynamodb.items import Item, record_key, to_attribute
from darkroom.ports import Cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_ITEMS = 100  # per BatchGetItem call
_TRIES = 25
_MAX_BACKOFF = 0.2  # seconds before each further try of a write
_READ_BACKOFF = 0.1  # seconds, times the number of earlier tries of a batch read
_RETRYABLE = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


@dataclass(frozen=True)
class Table:
    """The table, with the operations that the adapters share."""

    client: "DynamoDBClient"
    name: str

    def get(self, key: Item) -> Item | None:
        """Return an item with a consistent read; None without one."""
        return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")

    def put(self, item: Item) -> None:
        """Store an item; it replaces an existing one."""
        self.client.put_item(TableName=self.name, Item=item)

    def update(self, request: Mapping[str, Any]) -> Item | None:
        """Update one item; return the requested attributes, or None if the condition failed.

        An update is refused while a transaction writes the same item; it is retried up to 25 times.
        """
        for remaining_tries in reversed(range(_TRIES)):
            try:
                response = self.client.update_item(**{"TableName": self.name, **request})
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "ConditionalCheckFailedException":
                    return None
                if not remaining_tries or code != "TransactionConflictException":
                    raise
            else:
                return response.get("Attributes", {})
            time.sleep(random.uniform(0, _MAX_BACKOFF))  # noqa: S311 - a jitter
        raise AssertionError("unreachable")

    def transact(self, writes: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[int]:
        """Make all writes in one transaction; return the indexes of the failed conditions.

        If a condition failed, nothing was written. A transaction conflict is retried up to 25
        times. Each write is {"Put": request}, {"Update": request} or {"Delete": request}.
        """
        items: Any = [
            {kind: {"TableName": self.name, **request} for kind, request in write.items()}
            for write in writes
        ]
        for remaining_tries in reversed(range(_TRIES)):
            try:
                self.client.transact_write_items(TransactItems=items)
            except self.client.exceptions.TransactionCanceledException as error:
                codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
                failed = [n for n, code in enumerate(codes) if code == "ConditionalCheckFailed"]
                if failed:
                    return failed
                if not remaining_tries or not _RETRYABLE & set(codes):
                    raise
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if not remaining_tries or code != "TransactionInProgressException":
                    raise
            else:
                return []
            time.sleep(random.uniform(0, _MAX_BACKOFF))  # noqa: S311 - a jitter
        raise AssertionError("unreachable")

    def query(self, condition: str, values: Mapping[str, str], **options: Any) -> Iterator[Item]:
        """Yield the items that match a key condition with string values, from all pages."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            **options,
        )
        for page in pages:
            yield from page["Items"]

    def page(
        self, kind: str, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Item], Cursor | None]:
        """Return at most 100 records of a kind, newest first, and the cursor of the next page.

        `caller` None lists the records of all callers. The cursor is None at the end.
        """
        index, name, value = (
            ("by-time", "sk", kind) if caller is None else ("by-caller", "caller", caller)
        )
        query: dict[str, Any] = {
            "TableName": self.name,
            "IndexName": index,
            "KeyConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": name},
            "ExpressionAttributeValues": {":owner": {"S": value}},
            "ScanIndexForward": False,
            "Limit": min(limit, MAX_ITEMS),
        }
        if after:
            query["ExclusiveStartKey"] = {
                "accepted_at": {"S": after.accepted_at.isoformat()},
                name: {"S": value},
                **record_key(kind, after.job_id),
            }
        response = self.client.query(**query)
        # The index by-caller has jobs and batches, whose callers have a prefix.
        items = [item for item in response["Items"] if item["sk"]["S"] == kind]
        return self.many(items), _cursor(response.get("LastEvaluatedKey"))

    def due(self, kind: str, before: datetime, limit: int) -> list[Item]:
        """Return at most 100 records whose `sweep_after` has passed, the earliest first."""
        response = self.client.query(
            TableName=self.name,
            IndexName="by-sweep",
            KeyConditionExpression="sk = :kind AND sweep_after <= :before",
            ExpressionAttributeValues={":kind": {"S": kind}, ":before": {"S": before.isoformat()}},
            Limit=min(limit, MAX_ITEMS),
        )
        return self.many(response["Items"])

    def many(self, keys: Sequence[Item], *, consistent: bool = False) -> list[Item]:
        """Return the items of at most 100 keys or items of an index, in the same order.

        Missing items are left out: an item may have expired since the index was read.
        """
        keys = [{"pk": key["pk"], "sk": key["sk"]} for key in keys]
        items: dict[str, Item] = {}
        remaining, tries = keys, 0
        while remaining:
            time.sleep(min(1, tries * _READ_BACKOFF))
            tries += 1
            request: Any = {self.name: {"Keys": remaining, "ConsistentRead": consistent}}
            response = self.client.batch_get_item(RequestItems=request)
            items |= {item["pk"]["S"]: item for item in response["Responses"].get(self.name, [])}
            unprocessed = response.get("UnprocessedKeys", {})
            remaining = list(unprocessed[self.name]["Keys"]) if self.name in unprocessed else []
        return [items[key["pk"]["S"]] for key in keys if key["pk"]["S"] in items]


def record_update(
    key: Item,
    when: Sequence[str],
    changes: Mapping[str, object],
    absent: str | tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Return the update of a record if its status is in `when` and no field of `absent` is set.

    A change to None removes the attribute.
    """
    names = {f"#{n}": name for n, name in enumerate(changes)}
    values = {
        f":{n}": to_attribute(name, value)
        for n, (name, value) in enumerate(changes.items())
        if value is not None
    }
    sets = [f"#{n} = :{n}" for n, value in enumerate(changes.values()) if value is not None]
    removes = [f"#{n}" for n, value in enumerate(changes.values()) if value is None]
    clauses = [f"SET {', '.join(sets)}"] if sets else []
    clauses += [f"REMOVE {', '.join(removes)}"] if removes else []
    allowed = {f":when{n}": {"S": str(status)} for n, status in enumerate(when)}
    condition = f"#status IN ({', '.join(allowed)})"
    for n, field in enumerate((absent,) if isinstance(absent, str) else absent or ()):
        names[f"#absent{n}"] = field
        condition += f" AND attribute_not_exists(#absent{n})"
    return {
        "Key": key,
        "UpdateExpression": " ".join(clauses),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names | {"#status": "status"},
        "ExpressionAttributeValues": values | allowed,
    }


def _cursor(last_key: Item | None) -> Cursor | None:
    if last_key is None:
        return None
    accepted_at = datetime.fromisoformat(last_key["accepted_at"]["S"])
    return Cursor(accepted_at, last_key["pk"]["S"].partition("#")[2])
