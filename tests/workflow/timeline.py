"""Simulated time: it moves when everybody waits, and then to whoever is next.

Each execution has a thread of its own, but no two run at once, and they take turns in the order of
their waits: nothing here depends on luck, and hours cost nothing.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
# A machine that goes round for ever would do so for ever.
_MOST_WAITS = 3000


class Clock:
    """The time that handlers and state machines share."""

    def __init__(self) -> None:
        self.now = START
        self.waits: list[float] = []  # of machines: Wait states, Listen, and before retries
        self.sleeps: list[float] = []  # of handlers
        self.on_wait: Callable[[], None] = lambda: None
        self._agenda: list[tuple[datetime, int, _Turn]] = []
        self._order = itertools.count()
        self._current: _Process | None = None
        self._waiting: dict[object, _Process] = {}

    @property
    def passed(self) -> float:
        """The seconds since the start."""
        return (self.now - START).total_seconds()

    @property
    def owner(self) -> object:
        """The key of what runs now."""
        return self._current and self._current.key

    def at(self, seconds: float, act: Callable[[], object], key: object = None) -> None:
        """Plan something for `run`, so many seconds from now; it may wait in its turn."""
        self._plan(_Process(act, key), seconds)

    def run(self) -> None:
        """Do all that is planned, and what comes of it; raises what any of it raised.

        Called within a turn, it does all of that before the turn goes on.
        """
        outer = self._current
        while self._agenda:
            moment, _, turn = heapq.heappop(self._agenda)
            if not turn.is_due:
                continue
            self.now = max(self.now, moment)
            self._current = turn.process
            turn.process.go_on()
            self._current = outer
            if turn.process.error is not None:
                raise turn.process.error

    def wait(self, seconds: float, key: object = None) -> None:
        """Let a machine wait, for so long or until `hurry` with the key, or with its process's."""
        assert len(self.waits) < _MOST_WAITS, "this never ends"
        before, process = self.now, self._current
        keys = [each for each in (key, process and process.key) if each is not None]
        if process is not None:
            self._waiting |= dict.fromkeys(keys, process)
        self._pass(seconds)
        for each in keys:
            self._waiting.pop(each, None)
        self.waits.append((self.now - before).total_seconds())
        self.on_wait()

    def hurry(self, key: object) -> None:
        """End a machine's wait now."""
        if (process := self._waiting.get(key)) is not None:
            self._plan(process, 0)

    def sleep(self, seconds: float) -> None:
        """Let a handler sleep."""
        if seconds > 0:
            self.sleeps.append(seconds)
            self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        if (process := self._current) is None:
            self.now += timedelta(seconds=seconds)
            return
        self._plan(process, seconds)
        process.pause()

    def _plan(self, process: "_Process", seconds: float) -> None:
        moment = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._agenda, (moment, next(self._order), _Turn(process)))


class _Process:
    """Something that takes turns with others, in a thread."""

    def __init__(self, body: Callable[[], object], key: object) -> None:
        self.key = key
        self.error: BaseException | None = None
        self.planned = 0
        self._body = body
        self._go, self._stand = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def go_on(self) -> None:
        """Let it run until it pauses or ends."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._go.release()
        self._stand.acquire()

    def pause(self) -> None:
        """Stand still until `go_on`; called by the process itself."""
        self._stand.release()
        self._go.acquire()

    def _run(self) -> None:
        try:
            self._body()
        except BaseException as error:
            self.error = error
        finally:
            self._stand.release()


class _Turn:
    """One entry of the agenda; a later one of the same process takes its place."""

    def __init__(self, process: _Process) -> None:
        process.planned += 1
        self.process = process
        self._number = process.planned

    @property
    def is_due(self) -> bool:
        return self._number == self.process.planned
