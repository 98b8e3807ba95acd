"""When to look at a job again: pure functions of time, what is expected, and looks so far."""

import math
from typing import Any, NamedTuple

from darkroom.domain.requests import Quality, Resolution

# A look costs three transitions ($0.000075), a picture $0.01 or more. The first look when a quarter
# of such jobs are done and each later one after 15 % of the time passed: three or four looks,
# and a lag of about a tenth of the duration (benchmarks/polling.py).
_GROWTH = 0.15
_QUARTER = 0.6745 / (2 * 1.645)  # of ln(high / low): low and high are taken as the 5th and 95th %
_MAX_WAIT = 30
_UNREADABLE_FIRST, _UNREADABLE_MAX = 2, 30

# After so many unreadable answers in a row (about four minutes) the provider is unavailable.
MAX_UNREADABLE = 12
# The provider's limits are by the minute, and its 429 does not always say how long.
_THROTTLED = 60
# The provider's list may be late by a minute: so long an unanswered POST is looked for there.
_LOOK_FOR, _LOOK_EVERY, _PATIENCE = 120, 15, 5
_PATIENT = 30
# How often a finished output that does not arrive is tried again, and after how long.
COPY_WAITS = (2, 5, 15, 30)


class Expected(NamedTuple):
    """How long this kind of job takes at the provider: mostly `low` to `high` seconds."""

    low: float
    high: float

    @property
    def median(self) -> float:
        """The median of a log-normal distribution whose bulk lies between low and high."""
        return math.sqrt(self.low * self.high)

    @property
    def quarter(self) -> float:
        """When a quarter of such jobs are done: the 25th percentile."""
        return float(self.median * (self.low / self.high) ** _QUARTER)


_R1K, _R2K, _R4K = Resolution
# Published figures are thin: low/1k, medium/1k, high/1k, high/2k and high/4k are quoted, the rest
# lies between them.
_PUBLISHED = {
    (Quality.LOW, _R1K): Expected(8, 25),
    (Quality.LOW, _R2K): Expected(12, 40),
    (Quality.LOW, _R4K): Expected(20, 80),
    (Quality.MEDIUM, _R1K): Expected(20, 60),
    (Quality.MEDIUM, _R2K): Expected(25, 90),
    (Quality.MEDIUM, _R4K): Expected(40, 180),
    (Quality.HIGH, _R1K): Expected(25, 80),
    (Quality.HIGH, _R2K): Expected(30, 120),
    (Quality.HIGH, _R4K): Expected(60, 300),
}
_OTHER_MODELS = Expected(10, 240)


def expected(model_input: dict[str, Any], scale: float = 1.0) -> Expected:
    """Return the expected duration in seconds; `scale` multiplies the published figures."""
    known = _OTHER_MODELS
    for (quality, resolution), figure in _PUBLISHED.items():
        if (model_input.get("quality"), model_input.get("resolution")) == (quality, resolution):
            known = figure
    return Expected(known.low * scale, known.high * scale)


def next_wait(elapsed: float, kind: Expected, checks: int, left: float) -> int:
    """Return the whole seconds until the next check, 1 or more.

    `elapsed` seconds have passed since submit, `left` seconds are left to the deadline, at which
    the last check falls.
    """
    wait = kind.quarter - elapsed if checks == 0 else min(elapsed * _GROWTH, _MAX_WAIT)
    return clip(wait, left)


def clip(wait: float, left: float) -> int:
    """Return `wait` as whole seconds, 1 or more, with the last one ending at the deadline."""
    return max(1, math.ceil(min(wait, left)))


def unreadable_wait(in_a_row: int) -> int:
    """Return the seconds to wait after so many unreadable answers in a row, 1 or more."""
    return min(_UNREADABLE_MAX, _UNREADABLE_FIRST << min(in_a_row - 1, 10))


def unsent_wait(attempts: int) -> int:
    """Return the seconds until the next try of a submit that never left, after so many tries."""
    return min(120, 5 << min(attempts - 1, 10))


def throttled_wait(retry_after: int | None) -> int:
    """Return the seconds for which nobody is to send, after the provider put a submit off."""
    return max(1, retry_after) if retry_after is not None else _THROTTLED


def look_wait(looked: float, scale: float, *, was_read: bool) -> int | None:
    """Return the seconds until an unanswered POST is looked for again; None if long enough.

    `looked` seconds have passed since it. A list that could not be read proves nothing, so it is
    asked for several times as long.
    """
    enough = _LOOK_FOR * scale * (1 if was_read else _PATIENCE)
    return max(1, round(_LOOK_EVERY * scale)) if looked < enough else None


def patient_wait(wait: int, deferrals: int) -> int:
    """Return the seconds to wait, longer after many deferrals: a history has 25,000 events.

    A deferral is nine of them: even a wait of a second, for a day, ends within 21,000.
    """
    return max(wait, deferrals // _PATIENT)
