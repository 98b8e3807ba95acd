"""The simulator's time, in integer nanoseconds, which an admin can move forward."""

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


class Clock:
    """Real time plus what was added by `advance`; statuses are computed from it, not by timers."""

    def __init__(self, source: Callable[[], int] = time.time_ns) -> None:
        self._source = source
        self._ahead = 0
        self._moved = asyncio.Event()

    def now(self) -> int:
        """Nanoseconds since 1970, as the provider sees them."""
        return self._source() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass at once, and wake whoever sleeps until a moment now reached."""
        self._ahead += round(seconds * SECOND)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep_until(self, moment: int) -> None:
        """Return once the moment is reached, by waiting or by an advance."""
        while (left := moment - self.now()) > 0:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), left / SECOND)
            except TimeoutError:
                continue


def rfc3339(moment: int) -> str:
    """UTC with all nine fractional digits, as the provider prints it."""
    seconds, nanoseconds = divmod(moment, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def parse_time(text: str) -> int:
    """Nanoseconds of an ISO 8601 time; without an offset it is UTC. Raises ValueError."""
    fraction = re.search(r"[.,](\d+)", text)
    moment = datetime.fromisoformat(text).replace(microsecond=0)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # The provider's times have nine digits, of which datetime keeps six.
    nanoseconds = int(fraction[1][:9].ljust(9, "0")) if fraction else 0
    return int(moment.timestamp()) * SECOND + nanoseconds
