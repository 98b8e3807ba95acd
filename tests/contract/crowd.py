"""Twenty at once: threads that start together, over a table whose calls come one by one."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError
from mypy_boto3_dynamodb import DynamoDBClient

MANY = 20


class SharedClient:
    """A client that all threads share: each call is made whole before the next.

    Moto does not see to that. Some writes find another transaction under way, as DynamoDB tells it.
    """

    def __init__(self, client: DynamoDBClient, conflicts: float, seed: int = 7) -> None:
        self._client = client
        self._conflicts = conflicts
        self._random = random.Random(seed)  # noqa: S311 - to be repeatable
        self._one = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._alone(name, found) if callable(found) else found

    def _alone(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def alone(**params: Any) -> Any:
            with self._one:
                if self._random.random() < self._conflicts:
                    self._refuse(name, len(params.get("TransactItems", ())))
                return call(**params)

        return alone

    def _refuse(self, name: str, items: int) -> None:
        reasons = [{"Code": "None"} for _ in range(items)]
        match name:
            case "transact_write_items":
                reasons[self._random.randrange(items)] = {"Code": "TransactionConflict"}
                code = "TransactionCanceledException"
            case "update_item" | "put_item":
                code = "TransactionConflictException"
            case _:
                return  # a read is never refused
        response: Any = {"Error": {"Code": code}, "CancellationReasons": reasons}
        kind: type[ClientError] = getattr(self._client.exceptions, code)
        raise kind(response, name)


def at_once[T](act: Callable[[int], T], count: int = MANY) -> list[T]:
    """What each of so many threads makes of its number; all of them begin together."""
    gate = threading.Barrier(count)

    def begin(number: int) -> T:
        gate.wait(timeout=30)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))
