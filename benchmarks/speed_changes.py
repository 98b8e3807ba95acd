"""Lag and cost on days on which the provider is slower or faster than published."""

import random
from collections import Counter
from collections.abc import Iterator

from benchmarks.policies import POLLING_MB, SEED, durations, policy_row, summarize
from benchmarks.report import table
from benchmarks.wait_simulation import WaitResult, simulate_darkroom
from darkroom.domain.durations import ENOUGH_JOBS, ExpectedDuration, learned
from darkroom.domain.histogram import bucket_of

# The provider's duration on each day, relative to the published duration.
_FACTORS = (1.0, 1.0, 1.6, 1.6, 0.5, 0.5, 0.5)


def speed_changes(kind: ExpectedDuration) -> str:
    """Return the table from day 2 on: learned expectations, and published ones."""
    rows = []
    for name, learns in (("learned", True), ("published", False)):
        for day, waits in enumerate(_days(kind, learns=learns)):
            if day > 0:
                cells = policy_row("", summarize(waits, POLLING_MB))[1:]
                rows.append((name, f"{day + 1}, x {_FACTORS[day]}", *cells))
    head = (
        "expected durations", "day", "lag p50", "lag p95", "polls", "transitions p50 / mean",
        "AWS cost of waiting",
    )  # fmt: skip
    return table(head, rows)


def _days(kind: ExpectedDuration, *, learns: bool) -> Iterator[list[WaitResult]]:
    """Yield the waits of each day."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    histograms: list[Counter[int]] = []
    for factor in _FACTORS:
        waits: list[WaitResult] = []
        today: Counter[int] = Counter()
        histograms.append(today)
        for duration in durations(kind, ENOUGH_JOBS, rng):
            expected = learned(kind, _recent(histograms)) if learns else kind
            waits.append(simulate_darkroom(duration * factor, expected))
            today[bucket_of(waits[-1].recorded_seconds)] += 1
        yield waits


def _recent(histograms: list[Counter[int]]) -> Counter[int]:
    """Return the newest days' histograms that together have enough jobs."""
    recent: Counter[int] = Counter()
    for histogram in reversed(histograms):
        if recent.total() < ENOUGH_JOBS:
            recent.update(histogram)
    return recent
