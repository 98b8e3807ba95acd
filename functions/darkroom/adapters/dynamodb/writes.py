"""Conditional writes of one or several items, with retries after transaction conflicts."""

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 25
_MAX_BACKOFF = 0.2  # seconds
_RETRYABLE = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


def write(client: "DynamoDBClient", items: list[dict[str, Any]]) -> list[int]:
    """Write all items in one transaction; return the indexes of the failed conditions.

    If a condition failed, nothing was written. A transaction conflict is retried up to 25 times.
    """
    for remaining_tries in reversed(range(_TRIES)):
        try:
            client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]
        except client.exceptions.TransactionCanceledException as error:
            codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
            failed = [n for n, code in enumerate(codes) if code == "ConditionalCheckFailed"]
            if failed:
                return failed
            if not remaining_tries or not _RETRYABLE & set(codes):
                raise
        except ClientError as error:
            if (
                not remaining_tries
                or error.response["Error"]["Code"] != "TransactionInProgressException"
            ):
                raise
        else:
            return []
        time.sleep(random.uniform(0, _MAX_BACKOFF))  # noqa: S311 - a jitter
    raise AssertionError("unreachable")


def update(client: "DynamoDBClient", change: dict[str, Any]) -> Mapping[str, Any] | None:
    """Update one item; return the response, or None if its condition failed.

    An update is refused while a transaction writes the same item; it is retried up to 25 times.
    """
    for remaining_tries in reversed(range(_TRIES)):
        try:
            return client.update_item(**change)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                return None
            if not remaining_tries or code != "TransactionConflictException":
                raise
        time.sleep(random.uniform(0, _MAX_BACKOFF))  # noqa: S311 - a jitter
    raise AssertionError("unreachable")
