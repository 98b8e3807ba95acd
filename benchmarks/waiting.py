"""How late a finished picture is noticed, and what that costs: Darkroom's waiting beside others'."""

from typing import Any
from unittest.mock import patch

from benchmarks import bill
from benchmarks.plots import frontier
from benchmarks.policies import (
    CALLED_MB,
    JOBS,
    LOOP_MB,
    LOST,
    POLICIES,
    POLLED_MB,
    SEED,
    TAIL,
    darkroom,
    measure,
    megabytes_of,
    row,
)
from benchmarks.replay import CALL, ENTER, LOOK
from benchmarks.report import Section, dollars, table
from benchmarks.shifts import shifts
from darkroom.domain import polling
from darkroom.domain.durations import ENOUGH, Expected, published
from darkroom.domain.pricing import estimate
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL, Quality, Resolution


def run() -> Section:
    """Return the tables, and whether what was to be reached is."""
    rest = bill.one_job().total
    kept, targets = _targets(rest)
    kind = published({"quality": "medium", "resolution": "1k"})
    compared = table(
        ("policy", "lag p50", "lag p95", "looks", "transitions p50 / mean", "AWS cost of waiting"),
        [row(name, measure(policy, kind, megabytes_of(name))) for name, policy in POLICIES.items()],
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

{shifts(kind)}"""
    inputs = (
        f"{JOBS} jobs a row, seed {SEED}; log-normal durations between the published figures as 5th "
        f"and 95th percentile, one in {1 / TAIL:.0f} five times as long, one webhook in "
        f"{1 / LOST:.0f} lost. A look takes {LOOK} s, entering a state {ENTER} s, a webhook {CALL} s "
        f"(assumed). Check has {POLLED_MB:.0f} MB without webhooks, {CALLED_MB:.0f} with them, other "
        f"loops' functions {LOOP_MB:.0f}; "
        "a script is a function that runs all the while. Submit's wait and Check are the shipped code."
    )
    return Section("Waiting", inputs, body, kept)


def _targets(rest: float) -> tuple[bool, str]:
    rows, kept = [], True
    for quality in Quality:
        for resolution in Resolution:
            model_input = {"quality": quality, "resolution": resolution}
            kind, price = published(model_input), estimate(TEXT_TO_IMAGE_MODEL, model_input, 0)
            assert price is not None
            polled = measure(darkroom(), kind, POLLED_MB)
            called = measure(darkroom(webhook=True), kind, CALLED_MB)
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
                    each = measure(darkroom(hold), kind, POLLED_MB, jobs=300)
                found.append((each.usd * 1e6, each.p50))
    return found


def _points(kind: Expected) -> dict[str, tuple[float, float]]:
    made = {name: measure(policy, kind, megabytes_of(name)) for name, policy in POLICIES.items()}
    return {name.replace("*", ""): (each.usd * 1e6, each.p50) for name, each in made.items()}
