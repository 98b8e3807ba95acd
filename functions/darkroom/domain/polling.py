"""The times of polls: pure functions of the elapsed time and the expected duration."""

import math

from darkroom.domain.durations import ExpectedDuration

# Cost of waiting in us-east-1, 2026-11. Leaving Check and returning takes three state transitions,
# $0.000075. One second in Check (160 MB, arm64) costs $0.0000021. So leaving pays only for waits
# above 36 seconds. Hence one long wait in the state machine, until the first few percent of jobs
# are done, and all later waits inside Check. benchmarks/waiting.py plots other settings.
# All z values are standard deviations of the logarithm of the duration.
_FIRST_POLL_Z = -1.95  # 3 % of jobs are done by then
# The first poll is later than that by 10 % of the median, at most 4 seconds.
_MAX_FIRST_POLL_DELAY, _FIRST_POLL_DELAY_SHARE = 4.0, 0.1
# Up to the 99th percentile, the interval is 9 % of the median, within these limits in seconds.
_MAX_INTERVAL, _MIN_INTERVAL, _INTERVAL_SHARE = 1.25, 0.25, 0.09
_P99_Z = 2.33  # 1 % of jobs take longer, a few of them very much longer
# After the 99th percentile, the interval is 5 % of the elapsed time, at most 15 seconds.
_LATE_INTERVAL_SHARE, _MAX_LATE_INTERVAL = 0.05, 15.0
# Between two runs of Check, the wait is 15 % of the elapsed time, at most 30 seconds.
_CHECK_WAIT_SHARE, _MAX_CHECK_WAIT = 0.15, 30
# A wait for a webhook is at least 30 seconds and at least 30 % of the elapsed time.
_MIN_WEBHOOK_WAIT, _WEBHOOK_WAIT_SHARE = 30, 0.3
_FIRST_UNREADABLE_WAIT, _MAX_UNREADABLE_WAIT = 2, 30  # seconds; doubles with each answer

# After this many unreadable answers in a row (about four minutes) the provider is unavailable.
MAX_UNREADABLE = 12
# The provider's rate limits are per minute, and its 429 does not always have a Retry-After.
_DEFAULT_RETRY_AFTER = 60
# The provider's list may lag by a minute. An unanswered POST is searched there every 15 seconds for
# 120 seconds, or five times as long while the list cannot be read.
_SEARCH_SECONDS, _SEARCH_INTERVAL, _UNREAD_FACTOR = 120, 15, 5
_DEFERRALS_PER_SECOND = 30
# Seconds before each retry of storing a finished output: about four minutes. After that, the sweep
# tries again (domain/sweeping.py).
COPY_WAITS = (2, 5, 15, 30, 60, 120)
# A Retry-After above one hour is not plausible, and would pause every job.
_MAX_RETRY_AFTER = 3600


def first_wait(elapsed: float, expected: ExpectedDuration, remaining: float) -> int:
    """Return the whole seconds until the first check, at least 1.

    `elapsed` is the seconds since submission. `remaining` is the seconds until the deadline, when
    the last check takes place.
    """
    delay = min(_MAX_FIRST_POLL_DELAY, expected.median * _FIRST_POLL_DELAY_SHARE)
    return max(1, math.floor(min(expected.at(_FIRST_POLL_Z) + delay - elapsed, remaining)))


def poll_interval(elapsed: float, expected: ExpectedDuration) -> float:
    """Return the seconds between two polls in one check. They grow after the 99th percentile."""
    interval = min(_MAX_INTERVAL, max(_MIN_INTERVAL, expected.median * _INTERVAL_SHARE))
    if elapsed < expected.at(_P99_Z):
        return interval
    return min(max(interval, elapsed * _LATE_INTERVAL_SHARE), _MAX_LATE_INTERVAL)


def next_wait(elapsed: float, remaining: float) -> int:
    """Return the whole seconds between two checks, at least 1."""
    return clip_wait(min(elapsed * _CHECK_WAIT_SHARE, _MAX_CHECK_WAIT), remaining)


def webhook_wait(elapsed: float, expected: ExpectedDuration, remaining: float) -> int:
    """Return the whole seconds to wait for a webhook, at least 1.

    The wait ends after the 99th percentile of the expected duration. So it ends without a webhook
    only if the webhook is lost, or if the job is among the slowest 1 %.
    """
    until_p99 = expected.at(_P99_Z) - elapsed
    return clip_wait(max(until_p99, elapsed * _WEBHOOK_WAIT_SHARE, _MIN_WEBHOOK_WAIT), remaining)


def clip_wait(wait: float, remaining: float) -> int:
    """Return `wait` in whole seconds, at least 1. No wait ends later than the deadline."""
    return max(1, math.ceil(min(wait, remaining)))


def unreadable_wait(in_a_row: int) -> int:
    """Return the seconds to wait after `in_a_row` unreadable answers, at least 1."""
    return min(_MAX_UNREADABLE_WAIT, _FIRST_UNREADABLE_WAIT << min(in_a_row - 1, 10))


def unsent_wait(attempts: int) -> int:
    """Return the seconds until the next attempt of a submit that was not sent, from 5 to 120."""
    return min(120, 5 << min(attempts - 1, 10))


def throttled_wait(retry_after: int | None) -> int:
    """Return the seconds for which a 429 pauses submission for every job, at least 1."""
    if retry_after is None:
        return _DEFAULT_RETRY_AFTER
    return max(1, min(retry_after, _MAX_RETRY_AFTER))


def copy_wait(copies: int, scale: float) -> int | None:
    """Return the seconds until the next attempt to store the outputs; None to stop.

    `copies` is the number of attempts so far. `scale` multiplies the waits.
    """
    return max(1, round(COPY_WAITS[copies - 1] * scale)) if copies <= len(COPY_WAITS) else None


def search_wait(searched: float, scale: float, *, was_read: bool) -> int | None:
    """Return the seconds until the next search for an unanswered POST; None to stop searching.

    `searched` is the seconds since the POST. `was_read` is False if the provider's list could not
    be read. That does not prove the prediction absent, so the search goes on five times as long.
    """
    limit = _SEARCH_SECONDS * scale * (1 if was_read else _UNREAD_FACTOR)
    return max(1, round(_SEARCH_INTERVAL * scale)) if searched < limit else None


def deferral_wait(wait: int, deferrals: int) -> int:
    """Return the seconds to wait, longer after many deferrals.

    An execution's history may have 25,000 events, and a deferral adds nine. With this minimum, even
    one-second waits for a whole day stay below 21,000.
    """
    return max(wait, deferrals // _DEFERRALS_PER_SECOND)
