"""Records of all webhook deliveries, posted or withheld."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class WebhookRequest:
    """The HTTP request of a webhook."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Delivery:
    """One post of a webhook. A withheld webhook has attempt 0 and no status."""

    prediction: str
    request: WebhookRequest
    attempt: int
    at: str
    posted_at: float
    number: int = 0
    status: int | None = None
    seconds: float = 0
    replay_of: int | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver answered 2xx."""
        return self.status is not None and 200 <= self.status < 300

    def to_json(self) -> dict[str, Any]:
        """Return the delivery in the form of the admin API."""
        fields = {key: value for key, value in asdict(self).items() if key != "request"}
        request = self.request
        return fields | {
            "url": request.url, "headers": request.headers, "body": request.body.decode()
        }  # fmt: skip


class Deliveries:
    """All deliveries, numbered in the order of their responses."""

    def __init__(self) -> None:
        self._all: list[Delivery] = []
        self._added = asyncio.Event()

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._all)

    def add(self, started: Delivery, status: int | None = None) -> Delivery:
        """Record a delivery that has ended now and wake every `wait_for_other`."""
        seconds = time.time() - started.posted_at
        ended = replace(started, number=len(self._all) + 1, status=status, seconds=seconds)
        self._all.append(ended)
        added, self._added = self._added, asyncio.Event()
        added.set()
        return ended

    def clear(self) -> None:
        """Delete all records."""
        self._all.clear()

    async def wait_for_other(self, prediction: str) -> None:
        """Return when a webhook of another prediction has been posted from now on."""
        start = len(self._all)
        while not any(d.attempt and d.prediction != prediction for d in self._all[start:]):
            await self._added.wait()
