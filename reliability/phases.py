"""The provider misbehaves: each fault alone, faults of shared calls, a mix, and limits."""

import random

from reliability.asking import mixed
from reliability.audit import Row
from reliability.cases import CASES, RULES, Case
from reliability.harness import ChaosHarness

_WELL = Case("")


def provider(harness: ChaosHarness, jobs: int) -> list[Row]:
    """Let several jobs meet each fault, all side by side."""
    wanted = [(name, case) for name, case in CASES.items() for _ in range(jobs)]
    # Shuffled: one submit after the other that nobody answers would stop the line, as it should.
    shuffled = random.Random(harness.seed).sample(wanted, len(wanted))  # noqa: S311 - repeatable
    asked = harness.run(shuffled)
    names = list(CASES)
    return harness.rows(sorted(asked, key=lambda each: names.index(each.row)))


def shared_calls(harness: ChaosHarness, jobs: int) -> list[Row]:
    """Break calls that say nothing of a job: lists, quotes, secrets."""
    rows: list[Row] = []
    for name, (case, rule) in RULES.items():
        if "secret" in name or "quotes" in name or "price" in name:
            # What is kept for minutes would be asked for only by a container that starts.
            harness.functions.restart(["Api", "OnWebhook"])
        with harness.rule(rule):
            rows += harness.rows(harness.run([(name, case)] * jobs))
    return rows


def mix(harness: ChaosHarness, jobs: int) -> list[Row]:
    """Let jobs of ten callers meet all faults at once, half of them none."""
    return harness.rows(
        harness.run(mixed(CASES, f"mix of all, {jobs} jobs", jobs, harness.seed), 900)
    )


def limits(harness: ChaosHarness, jobs: int) -> list[Row]:
    """Hold the account to a tier: refused or queued above it, known or not known to the line."""
    ours = {"IMAGES_PER_MINUTE": "60", "JOBS_IN_FLIGHT": "5"}
    wrong = {"IMAGES_PER_MINUTE": "600", "JOBS_IN_FLIGHT": "50"}
    tier = {"per_minute": 60, "concurrent": 5, "window_seconds": 60}
    plans = {
        "limits: 429 above the tier": (ours, tier | {"mode": "429"}),
        "limits: queued above the tier": (ours, tier | {"mode": "queue"}),
        "limits: 429, the tier set too high": (wrong, tier | {"mode": "429", "retry_after": 2}),
    }
    rows: list[Row] = []
    for name, (known, true) in plans.items():
        harness.options(limits=true)
        before = harness.throttled()
        try:
            with harness.functions.environment({"Submit": known}):
                asked = harness.run([(name, _WELL)] * jobs, 600)
        finally:
            harness.options(limits={"mode": "off"})
        (row,) = harness.rows(asked)
        refused = harness.throttled() - before
        if known is ours and refused:
            row.unexpected.append(f"{refused} submits were more than the tier allows")
        rows.append(row)
    return rows
