"""Writes of one item, or of several at once: who meets another transaction tries again."""

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 25
_MAX_PAUSE = 0.2  # seconds
_BUSY = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


def write(client: "DynamoDBClient", items: list[dict[str, Any]]) -> list[int]:
    """Make all changes; return the indexes of those whose conditions failed, if nothing was made.

    What meets another transaction is tried again for a while.
    """
    for left in reversed(range(_TRIES)):
        try:
            client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]
        except client.exceptions.TransactionCanceledException as error:
            codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
            failed = [n for n, code in enumerate(codes) if code == "ConditionalCheckFailed"]
            if failed:
                return failed
            if not left or not _BUSY & set(codes):
                raise
        except ClientError as error:
            if not left or error.response["Error"]["Code"] != "TransactionInProgressException":
                raise
        else:
            return []
        time.sleep(random.uniform(0, _MAX_PAUSE))  # noqa: S311 - a jitter
    raise AssertionError("unreachable")


def update(client: "DynamoDBClient", change: dict[str, Any]) -> Mapping[str, Any] | None:
    """Change one item; return the answer, or None if its condition failed.

    A write of one item is refused, too, while a transaction has that item.
    """
    for left in reversed(range(_TRIES)):
        try:
            return client.update_item(**change)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                return None
            if not left or code != "TransactionConflictException":
                raise
        time.sleep(random.uniform(0, _MAX_PAUSE))  # noqa: S311 - a jitter
    raise AssertionError("unreachable")
