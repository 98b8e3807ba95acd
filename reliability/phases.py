"""The provider misbehaves: each fault alone, faults of shared calls, a mix, and limits."""

import random

from reliability.asking import mixed
from reliability.audit import Row
from reliability.cases import CASES, RULES, Case
from reliability.lab import Lab

_WELL = Case("")


def provider(lab: Lab, jobs: int) -> list[Row]:
    """Let several jobs meet each fault, all side by side."""
    wanted = [(name, case) for name, case in CASES.items() for _ in range(jobs)]
    # Shuffled: one submit after the other that nobody answers would stop the line, as it should.
    shuffled = random.Random(lab.seed).sample(wanted, len(wanted))  # noqa: S311 - repeatable
    asked = lab.run(shuffled)
    names = list(CASES)
    return lab.rows(sorted(asked, key=lambda each: names.index(each.row)))


def shared_calls(lab: Lab, jobs: int) -> list[Row]:
    """Break calls that say nothing of a job: lists, quotes, secrets."""
    rows: list[Row] = []
    for name, (case, rule) in RULES.items():
        if "secret" in name or "quotes" in name or "price" in name:
            # What is kept for minutes would be asked for only by a container that starts.
            lab.functions.restart(["Api", "OnWebhook"])
        with lab.rule(rule):
            rows += lab.rows(lab.run([(name, case)] * jobs))
    return rows


def mix(lab: Lab, jobs: int) -> list[Row]:
    """Let jobs of ten callers meet all faults at once, half of them none."""
    return lab.rows(lab.run(mixed(CASES, f"mix of all, {jobs} jobs", jobs, lab.seed), 900))


def limits(lab: Lab, jobs: int) -> list[Row]:
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
        lab.options(limits=true)
        before = lab.throttled()
        try:
            with lab.functions.environment({"Submit": known}):
                asked = lab.run([(name, _WELL)] * jobs, 600)
        finally:
            lab.options(limits={"mode": "off"})
        (row,) = lab.rows(asked)
        refused = lab.throttled() - before
        if known is ours and refused:
            row.unexpected.append(f"{refused} submits were more than the tier allows")
        rows.append(row)
    return rows
