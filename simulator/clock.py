"""The simulator's clock, in integer nanoseconds. The admin API can advance it."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


class Clock:
    """Real time plus the advances. Statuses are computed from it, not by timers."""

    def __init__(self, source: Callable[[], int] = time.time_ns) -> None:
        self._source = source
        self._ahead = 0
        self._moved = asyncio.Event()

    def now(self) -> int:
        """Return the nanoseconds since 1970, advances included."""
        return self._source() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the clock forward and wake every `sleep_until` that is due."""
        self._ahead += round(seconds * SECOND)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep_until(self, moment: int) -> None:
        """Return when the clock has reached the moment."""
        while (remaining := moment - self.now()) > 0:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), remaining / SECOND)
            except TimeoutError:
                continue


def rfc3339(moment: int) -> str:
    """Return the moment in UTC with nine fractional digits, like the provider."""
    seconds, nanoseconds = divmod(moment, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def parse_time(text: str) -> int:
    """Return the nanoseconds of an ISO 8601 time, UTC without an offset. Raises ValueError."""
    fraction = re.search(r"[.,](\d+)", text)
    moment = datetime.fromisoformat(text).replace(microsecond=0)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # The provider's times have nine fractional digits; datetime keeps six.
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    return int(moment.timestamp()) * SECOND + nanoseconds
