"""Days on which the provider is slower or faster than what is published."""

import random
from collections import Counter
from collections.abc import Iterator

from benchmarks.policies import POLLED_MB, SEED, durations, row, summed
from benchmarks.replay import Waited, wait
from benchmarks.report import table
from darkroom.domain.durations import ENOUGH, Expected, learned
from darkroom.domain.histogram import bucket_of


def shifts(kind: Expected) -> str:
    """Return the table: expectations that are learnt, and those that stay as published."""
    factors = (1.0, 1.0, 1.6, 1.6, 0.5, 0.5, 0.5)
    rows = []
    for name, learns in (("learnt", True), ("as published", False)):
        found = [
            (day, summed(waits, POLLED_MB))
            for day, waits in enumerate(_days(kind, factors, learns=learns))
        ]
        for day, each in found:
            if day in (1, 2, 3, 4, 5, 6):
                rows.append((name, f"{day + 1}, x {factors[day]}", *row("", each)[1:]))
    head = ("expected", "day", "lag p50", "lag p95", "looks", "transitions", "cost of waiting")
    return table(head, rows)


def _days(kind: Expected, factors: tuple[float, ...], *, learns: bool) -> Iterator[list[Waited]]:
    rng = random.Random(SEED)  # noqa: S311 - no secret
    seen: list[Counter[int]] = []
    for factor in factors:
        waits: list[Waited] = []
        today: Counter[int] = Counter()
        seen.append(today)
        for duration in durations(kind, ENOUGH, rng):
            expected = learned(kind, _newest(seen)) if learns else kind
            waits.append(wait(duration * factor, expected))
            today[bucket_of(waits[-1].took)] += 1
        yield waits


def _newest(days: list[Counter[int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for day in reversed(days):
        if found.total() < ENOUGH:
            found.update(day)
    return found
