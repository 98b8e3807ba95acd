"""A record of every webhook that was posted, or kept back."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Hook:
    """One webhook as it goes over the wire."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Delivery:
    """A hook that was posted; one that was kept back is attempt 0, without a status."""

    prediction: str
    hook: Hook
    attempt: int
    at: str
    posted_at: float
    number: int = 0
    status: int | None = None
    seconds: float = 0
    replay_of: int | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver said that it has it."""
        return self.status is not None and 200 <= self.status < 300

    def to_json(self) -> dict[str, Any]:
        """The delivery as the admin API prints it."""
        hook = {"url": self.hook.url, "headers": self.hook.headers, "body": self.hook.body.decode()}
        return {key: value for key, value in asdict(self).items() if key != "hook"} | hook


class Deliveries:
    """All deliveries, numbered in the order in which they were answered."""

    def __init__(self) -> None:
        self._all: list[Delivery] = []
        self._added = asyncio.Event()

    def __iter__(self) -> Iterator[Delivery]:
        return iter(self._all)

    def add(self, begun: Delivery, status: int | None = None) -> Delivery:
        """Keep one that was answered now, and wake whoever waits for it."""
        took = time.time() - begun.posted_at
        answered = replace(begun, number=len(self._all) + 1, status=status, seconds=took)
        self._all.append(answered)
        added, self._added = self._added, asyncio.Event()
        added.set()
        return answered

    def clear(self) -> None:
        """Forget them all."""
        self._all.clear()

    async def of_another(self, prediction: str) -> None:
        """Return once a hook of another prediction has been posted from now on."""
        begun = len(self._all)
        while not any(d.attempt and d.prediction != prediction for d in self._all[begun:]):
            await self._added.wait()
