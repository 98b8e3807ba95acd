"""Run a function in 20 threads at once, over a DynamoDB client that serializes its calls."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient

THREADS = 20


class SerializedClient:
    """A DynamoDB client for many threads that makes one call at a time.

    Moto does not isolate concurrent calls. A share `conflicts` of the writes fails with the
    transaction conflict errors of DynamoDB.
    """

    def __init__(self, client: DynamoDBClient, conflicts: float, seed: int = 7) -> None:
        self._client = client
        self._conflicts = conflicts
        self._random = random.Random(seed)  # noqa: S311 - repeatable
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        return self._serialized(name, attribute) if callable(attribute) else attribute

    def _serialized(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def call_with_lock(**params: Any) -> Any:
            with self._lock:
                if self._random.random() < self._conflicts:
                    self._raise_conflict(name, len(params.get("TransactItems", ())))
                return call(**params)

        return call_with_lock

    def _raise_conflict(self, name: str, items: int) -> None:
        reasons = [{"Code": "None"} for _ in range(items)]
        match name:
            case "transact_write_items":
                reasons[self._random.randrange(items)] = {"Code": "TransactionConflict"}
                code = "TransactionCanceledException"
            case "update_item" | "put_item":
                code = "TransactionConflictException"
            case _:
                return  # reads never conflict
        response: Any = {"Error": {"Code": code}, "CancellationReasons": reasons}
        error_class: type[ClientError] = getattr(self._client.exceptions, code)
        raise error_class(response, name)


def run_in_parallel[T](act: Callable[[int], T], count: int = THREADS) -> list[T]:
    """Call `act` with each number below `count`, all at the same time; return the results."""
    barrier = threading.Barrier(count)

    def run(number: int) -> T:
        barrier.wait(timeout=30)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
