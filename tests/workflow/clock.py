"""Simulated time: it advances to the next scheduled process when all processes wait.

Each execution has its own thread, but only one thread runs at a time, in the order of their waits.
So tests are deterministic, and simulated hours take no time.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Fails a test whose state machine never ends.
_MAX_WAITS = 3000


class Clock:
    """The simulated clock of handlers and state machines."""

    def __init__(self) -> None:
        self.now = START
        self.waits: list[
            float
        ] = []  # state machine waits in seconds: Wait states, WaitForWebhook, retry delays
        self.sleeps: list[float] = []  # sleeps of handlers in seconds
        self.on_wait: Callable[[], None] = lambda: None
        self._agenda: list[tuple[datetime, int, _Entry]] = []
        self._order = itertools.count()
        self._current: _Process | None = None
        self._waiting: dict[object, _Process] = {}

    @property
    def elapsed(self) -> float:
        """The seconds since the start."""
        return (self.now - START).total_seconds()

    @property
    def current_key(self) -> object:
        """The key of the running process."""
        return self._current and self._current.key

    def schedule(self, seconds: float, act: Callable[[], object], key: object = None) -> None:
        """Schedule a process so many seconds from now; it can wait while it runs."""
        self._schedule(_Process(act, key), seconds)

    def run(self) -> None:
        """Run all scheduled processes to their end; raise the first exception of a process.

        Within a process, this runs all other processes before the calling process continues.
        """
        outer = self._current
        while self._agenda:
            scheduled_time, _, entry = heapq.heappop(self._agenda)
            if not entry.is_current:
                continue
            self.now = max(self.now, scheduled_time)
            self._current = entry.process
            entry.process.resume()
            self._current = outer
            if entry.process.error is not None:
                raise entry.process.error

    def wait(self, seconds: float, key: object = None) -> None:
        """Wait so many seconds, or until `end_wait` with the key or the key of the process."""
        assert len(self.waits) < _MAX_WAITS, "the state machine does not end"
        before, process = self.now, self._current
        keys = [
            waiting_key for waiting_key in (key, process and process.key) if waiting_key is not None
        ]
        if process is not None:
            self._waiting |= dict.fromkeys(keys, process)
        self._advance(seconds)
        for waiting_key in keys:
            self._waiting.pop(waiting_key, None)
        self.waits.append((self.now - before).total_seconds())
        self.on_wait()

    def end_wait(self, key: object) -> None:
        """End the wait with this key now."""
        if (process := self._waiting.get(key)) is not None:
            self._schedule(process, 0)

    def sleep(self, seconds: float) -> None:
        """Sleep in a handler for so many seconds."""
        if seconds > 0:
            self.sleeps.append(seconds)
            self._advance(seconds)

    def _advance(self, seconds: float) -> None:
        if (process := self._current) is None:
            self.now += timedelta(seconds=seconds)
            return
        self._schedule(process, seconds)
        process.pause()

    def _schedule(self, process: "_Process", seconds: float) -> None:
        scheduled_time = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._agenda, (scheduled_time, next(self._order), _Entry(process)))


class _Process:
    """A function in its own thread that runs only between `resume` and `pause`."""

    def __init__(self, body: Callable[[], object], key: object) -> None:
        self.key = key
        self.error: BaseException | None = None
        self.entries = 0
        self._body = body
        self._resumed, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def resume(self) -> None:
        """Run the process until it pauses or ends."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._resumed.release()
        self._paused.acquire()

    def pause(self) -> None:
        """Pause until `resume`; called by the process itself."""
        self._paused.release()
        self._resumed.acquire()

    def _run(self) -> None:
        try:
            self._body()
        except BaseException as error:
            self.error = error
        finally:
            self._paused.release()


class _Entry:
    """An entry of the agenda; a later entry of the same process replaces it."""

    def __init__(self, process: _Process) -> None:
        process.entries += 1
        self.process = process
        self._number = process.entries

    @property
    def is_current(self) -> bool:
        return self._number == self.process.entries
