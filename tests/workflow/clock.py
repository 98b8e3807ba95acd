"""Simulated time: a wait or a sleep advances it and runs the actions that are due meanwhile."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
_MAX_WAITS = 1000


class Clock:
    """The simulated clock of handlers and of the state machine."""

    def __init__(self) -> None:
        self.now = START
        # Waits of the state machine in seconds: Wait states, WaitForWebhook and retry delays.
        self.waits: list[float] = []
        self._agenda: list[tuple[datetime, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def schedule(self, seconds: float, act: Callable[[], object]) -> None:
        """Schedule an action so many seconds from now."""
        time = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._agenda, (time, next(self._order), act))

    def run(self) -> None:
        """Run all scheduled actions in the order of their times."""
        while self._agenda:
            self._run_next()

    def wait(self, seconds: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait in the state machine so many seconds, or until an action makes `is_over` true."""
        assert len(self.waits) < _MAX_WAITS, "the state machine does not end"
        before = self.now
        self._advance(seconds, is_over)
        self.waits.append((self.now - before).total_seconds())

    def sleep(self, seconds: float) -> None:
        """Sleep in a handler for so many seconds."""
        self._advance(seconds, lambda: False)

    def _advance(self, seconds: float, is_over: Callable[[], bool]) -> None:
        until = self.now + timedelta(seconds=seconds)
        while not is_over() and self._agenda and self._agenda[0][0] <= until:
            self._run_next()
        if not is_over():
            self.now = max(self.now, until)

    def _run_next(self) -> None:
        time, _, act = heapq.heappop(self._agenda)
        self.now = max(self.now, time)
        act()
