"""How late a finished picture is noticed, and what that costs: Darkroom's waiting beside others'."""

import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, NamedTuple
from unittest.mock import patch

from benchmarks import bill, prices
from benchmarks.plots import frontier
from benchmarks.replay import CALL, ENTER, LOOK, Waited, loop, wait
from benchmarks.report import Section, dollars, table
from darkroom.domain import polling
from darkroom.domain.durations import ENOUGH, Expected, learned, published
from darkroom.domain.histogram import bucket_of
from darkroom.domain.pricing import estimate
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL, Quality, Resolution

JOBS, SEED, TAIL, LOST = 1500, 7, 0.01, 0.01
_POLLED_MB, _CALLED_MB = (bill.memory("CheckFunction", webhook=on) for on in (False, True))
_LOOP_MB = 256.0
_DAY = date(2026, 11, 22)

type Policy = Callable[[float, Expected, random.Random], Waited]


def _darkroom(hold: float = 300, *, webhook: bool = False) -> Policy:
    def one(duration: float, kind: Expected, rng: random.Random) -> Waited:
        lost = webhook and rng.random() < LOST
        return wait(duration, kind, hold=hold, webhook=webhook, lost=lost)

    return one


def _loop(pause: Callable[[int], float], states: int = 3) -> Policy:
    return lambda duration, _kind, _rng: loop(duration, pause, states=states, start=0)


def _oracle(duration: float, _kind: Expected, _rng: random.Random) -> Waited:
    return Waited(LOOK / 2, 1, 8, LOOK, duration)


POLICIES: dict[str, Policy] = {
    "**Darkroom, webhooks** (default)": _darkroom(webhook=True),
    "**Darkroom, no webhooks**": _darkroom(),
    "Darkroom, one look a check": _darkroom(0),
    "script, every 1 s (official SDK)": _loop(lambda _: 1, 0),
    "Step Functions loop, every 2 s": _loop(lambda _: 2),
    "Step Functions loop, every 5 s": _loop(lambda _: 5),
    "Step Functions loop, 1, 2, 4 … 30 s": _loop(lambda looks: min(30, 2**looks)),
    "oracle: looks once, when it is done": _oracle,
}


class Found(NamedTuple):
    """What a policy came to for one kind of picture."""

    p50: float
    p95: float
    looks: float
    transitions: float  # of the median job
    mean_transitions: float
    usd: float  # of the mean job, its transitions and looks
    median_usd: float


def durations(kind: Expected, jobs: int, rng: random.Random) -> Iterator[float]:
    """Draw log-normal durations of which one in a hundred is five times as long."""
    for _ in range(jobs):
        yield kind.at(rng.gauss()) * (5 if rng.random() < TAIL else 1)


def measure(policy: Policy, kind: Expected, megabytes: float, jobs: int = JOBS) -> Found:
    """Run jobs of a kind through a policy; the same jobs whatever the policy."""
    rng, luck = random.Random(SEED), random.Random(SEED)  # noqa: S311 - no secret
    return summed([policy(each, kind, luck) for each in durations(kind, jobs, rng)], megabytes)


def summed(waits: list[Waited], megabytes: float) -> Found:
    """Return the quantiles and means."""
    lags = statistics.quantiles([each.lag for each in waits], n=20)
    costs = [_cost(each, megabytes) for each in waits]
    transitions = [each.transitions for each in waits]
    return Found(
        lags[9], lags[18], statistics.mean(each.looks for each in waits),
        statistics.median(transitions), statistics.mean(transitions),
        statistics.mean(costs), statistics.median(costs),
    )  # fmt: skip


def _cost(waited: Waited, megabytes: float) -> float:
    runs = max(1, (waited.transitions - 5) // 3)
    return waited.transitions * prices.TRANSITION + prices.function(megabytes, waited.held, runs)


def run() -> Section:
    """Return the tables, and whether what was to be reached is."""
    rest = bill.one_job().total
    kept, targets = _targets(rest)
    kind = published({"quality": "medium", "resolution": "1k"})
    compared = table(
        ("policy", "lag p50", "lag p95", "looks", "transitions p50 / mean", "AWS cost of waiting"),
        [_row(name, measure(policy, kind, _megabytes(name))) for name, policy in POLICIES.items()],
    )
    frontier("waiting-frontier.svg", _frontier(kind), _points(kind))
    body = f"""A medium 1k picture (median {kind.median:.0f} s), by ways to wait for it:

{compared}

![Lag against cost: Darkroom's possible settings, its default, and the others](images/waiting-frontier.svg)

Darkroom for every kind of picture; the whole AWS bill ({dollars(rest)} besides waiting, below) as a
share of the picture's price. To be reached for medium and high: without webhooks p50 1 s, p95 4 s, 12
transitions, 0.5 %; with them p50 0.5 s, 8 transitions. {"All are." if kept else "**Not all are.**"}

{targets}

When the provider's speed changes (1.6 times as slow from the third day, twice as fast from the
fifth, {ENOUGH} jobs a day), expectations are learnt from the deployment's own jobs, or stay as published:

{_shifts(kind)}"""
    inputs = (
        f"{JOBS} jobs a row, seed {SEED}; log-normal durations between the published figures as 5th "
        f"and 95th percentile, one in {1 / TAIL:.0f} five times as long, one webhook in "
        f"{1 / LOST:.0f} lost. A look takes {LOOK} s, entering a state {ENTER} s, a webhook {CALL} s "
        f"(assumed). Check has {_POLLED_MB:.0f} MB without webhooks, {_CALLED_MB:.0f} with them, other "
        f"loops' functions {_LOOP_MB:.0f}; "
        "a script is a function that runs all the while. Submit's wait and Check are the shipped code."
    )
    return Section("Waiting", inputs, body, kept)


def _megabytes(name: str) -> float:
    if "Darkroom" not in name:
        return _LOOP_MB
    return _CALLED_MB if ", webhooks" in name else _POLLED_MB


def _row(name: str, found: Found) -> tuple[str, ...]:
    return (
        name, f"{found.p50:.2f} s", f"{found.p95:.2f} s", f"{found.looks:.1f}",
        f"{found.transitions:.0f} / {found.mean_transitions:.1f}", dollars(found.usd),
    )  # fmt: skip


def _targets(rest: float) -> tuple[bool, str]:
    rows, kept = [], True
    for quality in Quality:
        for resolution in Resolution:
            model_input = {"quality": quality, "resolution": resolution}
            kind, price = published(model_input), estimate(TEXT_TO_IMAGE_MODEL, model_input, 0)
            assert price is not None
            polled = measure(_darkroom(), kind, _POLLED_MB)
            called = measure(_darkroom(webhook=True), kind, _CALLED_MB)
            share = (polled.median_usd + rest) / (price / 1e6) * 100
            mean = (polled.usd + rest) / (price / 1e6) * 100
            if quality is not Quality.LOW:
                kept &= polled.p50 <= 1 and polled.p95 <= 4 and polled.transitions <= 12
                kept &= share <= 0.5 and round(called.p50, 3) <= 0.5 and called.transitions <= 8
            rows.append((
                f"{quality} {resolution}", f"{polled.p50:.2f} / {polled.p95:.2f} s",
                f"{polled.looks:.0f}", f"{polled.transitions:.0f}",
                f"{share:.2f} / {mean:.2f} %", f"{called.p50:.2f} / {called.p95:.2f} s",
                f"{called.looks:.1f}", f"{called.transitions:.0f}",
                f"{(called.usd + rest) / (price / 1e6) * 100:.2f} %",
            ))  # fmt: skip
    head = (
        "picture", "lag p50 / p95", "looks", "transitions p50", "bill p50 / mean",
        "webhooks: lag p50 / p95", "looks", "transitions p50", "bill mean",
    )  # fmt: skip
    return kept, table(head, rows)


def _shifts(kind: Expected) -> str:
    factors = (1.0, 1.0, 1.6, 1.6, 0.5, 0.5, 0.5)
    rows = []
    for name, learns in (("learnt", True), ("as published", False)):
        found = [
            (day, summed(waits, _POLLED_MB))
            for day, waits in enumerate(_days(kind, factors, learns=learns))
        ]
        for day, each in found:
            if day in (1, 2, 3, 4, 5, 6):
                rows.append((name, f"{day + 1}, x {factors[day]}", *_row("", each)[1:]))
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


def _frontier(kind: Expected) -> list[tuple[float, float]]:
    """Return cost and lag of many settings, of which the best are the frontier."""
    found = []
    for early in (-1.88, -1.3, -0.67, 0):
        for pause in (0.5, 1.25, 2.5, 5, 10):
            for hold in (0, 15, 60, 300):
                settings: dict[str, Any] = {"_EARLY": early, "_PAUSE": pause}
                if hold == 0 and pause != 1.25:
                    continue
                with patch.multiple(polling, **settings):
                    each = measure(_darkroom(hold), kind, _POLLED_MB, jobs=300)
                found.append((each.usd * 1e6, each.p50))
    return found


def _points(kind: Expected) -> dict[str, tuple[float, float]]:
    made = {name: measure(policy, kind, _megabytes(name)) for name, policy in POLICIES.items()}
    return {name.replace("*", ""): (each.usd * 1e6, each.p50) for name, each in made.items()}
