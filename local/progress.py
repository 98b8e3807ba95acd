"""The progress line of a job: updated in place on a terminal, otherwise one line per change."""

import time
from collections.abc import Callable
from typing import TextIO

CLEAR_LINE = "\r\x1b[2K"


class Progress:
    """The progress line of one job: name, status, seconds since the start, checks."""

    def __init__(
        self,
        name: str,
        out: TextIO,
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._out = out
        self._live = out.isatty()
        self._clock = clock
        self._start = clock()
        self._limit = seconds
        self._shown: tuple[str, int] | None = None

    def show(self, status: str, checks: int) -> None:
        """Update the line; without a terminal, print it only after a change."""
        line = self.line(status, checks)
        if self._live:
            self._out.write(f"{CLEAR_LINE}{line}")
        elif (status, checks) != self._shown:
            self._out.write(f"{line}\n")
        self._out.flush()
        self._shown = (status, checks)

    def end(self) -> None:
        """End the line."""
        if self._live and self._shown is not None:
            self._out.write("\n")
            self._out.flush()

    @property
    def is_late(self) -> bool:
        """Whether the time limit has passed."""
        return self._clock() - self._start > self._limit

    def line(self, status: str, checks: int) -> str:
        """Return the text of the line."""
        seconds = self._clock() - self._start
        label = "1 check" if checks == 1 else f"{checks} checks"
        return f"  {self._name:<14} {status:<11}{seconds:6.1f} s  {label}"
