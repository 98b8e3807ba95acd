"""When to look at a job again: pure functions of time and of what is expected."""

import math

from darkroom.domain.durations import Expected

# What a wait costs, in us-east-1 in 2026-11: to leave Check and come back is three transitions,
# $0.000075; a second in Check is $0.0000021 (160 MB, arm64), so that to leave pays after 36
# seconds. Hence one long wait outside, until the first few jobs are done, and all others inside
# (benchmarks/waiting.py plots what other choices come to).
_EARLY = -1.95  # deviations: 3 % of jobs are done by then
_LATE, _LATE_SHARE = 4.0, 0.1  # seconds, share of the median: how long those may have to wait
_PAUSE, _LEAST_PAUSE, _PAUSE_SHARE = 1.25, 0.25, 0.09
_NEARLY_ALL = 2.33  # deviations: 1 % of jobs take longer, some of them very long
_RARER, _RAREST = 0.05, 15.0  # share of the time that has passed, seconds
_GROWTH, _MAX_WAIT = 0.15, 30  # the same between checks, where each look is one of its own
_MIN_WEBHOOK_WAIT, _PATIENCE_GROWTH = 30, 0.3
_UNREADABLE_FIRST, _UNREADABLE_MAX = 2, 30

# After so many unreadable answers in a row (about four minutes) the provider is unavailable.
MAX_UNREADABLE = 12
# The provider's limits are by the minute, and its 429 does not always say how long.
_THROTTLED = 60
# The provider's list may be late by a minute: so long an unanswered POST is looked for there.
_SEARCH_SECONDS, _SEARCH_INTERVAL, _PATIENCE = 120, 15, 5
_PATIENT = 30
# How often a finished output that does not arrive is tried again, and after how long.
COPY_WAITS = (2, 5, 15, 30)


def first_wait(elapsed: float, kind: Expected, left: float) -> int:
    """Return the whole seconds until the first check, 1 or more.

    `elapsed` seconds have passed since submit, `left` seconds are left to the deadline, at which
    the last check falls.
    """
    late = min(_LATE, kind.median * _LATE_SHARE)
    return max(1, math.floor(min(kind.at(_EARLY) + late - elapsed, left)))


def pause(elapsed: float, kind: Expected) -> float:
    """Return the seconds between two looks of one check: short until nearly all are done."""
    short = min(_PAUSE, max(_LEAST_PAUSE, kind.median * _PAUSE_SHARE))
    return short if elapsed < kind.at(_NEARLY_ALL) else min(max(short, elapsed * _RARER), _RAREST)


def next_wait(elapsed: float, left: float) -> int:
    """Return the whole seconds between two checks, 1 or more."""
    return clip(min(elapsed * _GROWTH, _MAX_WAIT), left)


def webhook_wait(elapsed: float, kind: Expected, left: float) -> int:
    """Return the whole seconds to listen for a webhook, 1 or more: past when nearly all are done.

    Only a lost webhook, or a job that takes longer than nearly all, lets it end without one.
    """
    late = max(kind.at(_NEARLY_ALL) - elapsed, elapsed * _PATIENCE_GROWTH, _MIN_WEBHOOK_WAIT)
    return clip(late, left)


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


def search_wait(searched: float, scale: float, *, was_read: bool) -> int | None:
    """Return the seconds until an unanswered POST is looked for again; None if long enough.

    `looked` seconds have passed since it. A list that could not be read proves nothing, so it is
    asked for several times as long.
    """
    enough = _SEARCH_SECONDS * scale * (1 if was_read else _PATIENCE)
    return max(1, round(_SEARCH_INTERVAL * scale)) if searched < enough else None


def patient_wait(wait: int, deferrals: int) -> int:
    """Return the seconds to wait, longer after many deferrals: a history has 25,000 events.

    A deferral is nine of them: even a wait of a second, for a day, ends within 21,000.
    """
    return max(wait, deferrals // _PATIENT)
