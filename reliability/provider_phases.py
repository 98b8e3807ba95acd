"""Phases with faults of the provider: each fault alone, shared calls, a mix, and rate limits."""

import random
from collections.abc import Sequence

from reliability.audit import AuditRow
from reliability.fault_cases import JOB_FAULTS, SHARED_FAULTS, FaultCase
from reliability.harness import ChaosHarness
from reliability.job_requests import mixed

_NO_FAULT = FaultCase("")


def provider(
    harness: ChaosHarness, jobs: int, names: Sequence[str] = tuple(JOB_FAULTS)
) -> list[AuditRow]:
    """Run `jobs` jobs with each of these faults, all concurrently."""
    requests = [(name, JOB_FAULTS[name]) for name in names for _ in range(jobs)]
    # Shuffled: consecutive submits without a response would open the circuit breaker.
    shuffled = random.Random(harness.seed).sample(requests, len(requests))  # noqa: S311 - repeatable
    requested = harness.run(shuffled)
    return harness.audit(sorted(requested, key=lambda job: names.index(job.row)))


def shared_calls(harness: ChaosHarness, jobs: int) -> list[AuditRow]:
    """Inject faults into calls that do not concern one job: lists, quotes, secrets."""
    rows: list[AuditRow] = []
    for name, (case, rule) in SHARED_FAULTS.items():
        if str(rule["fault"]).startswith(("price.", "secret.")):
            # Prices and secrets are cached for minutes: only a new worker requests them.
            harness.functions.restart(["Api", "OnWebhook"])
        with harness.simulator_rule(rule):
            rows += harness.audit(harness.run([(name, case)] * jobs))
    return rows


def mix(harness: ChaosHarness, jobs: int) -> list[AuditRow]:
    """Run jobs of ten callers concurrently, half of them with a random fault."""
    name = f"mix of all faults, {jobs} jobs"
    return harness.audit(harness.run(mixed(JOB_FAULTS, name, jobs, harness.seed), 900))


def limits(harness: ChaosHarness, jobs: int) -> list[AuditRow]:
    """Limit the account's rate: the provider rejects or queues submits above the limit.

    In the last row Darkroom's configured limit is ten times the account's.
    """
    correct = {"IMAGES_PER_MINUTE": "60", "JOBS_IN_FLIGHT": "5"}
    too_high = {"IMAGES_PER_MINUTE": "600", "JOBS_IN_FLIGHT": "50"}
    account = {"per_minute": 60, "concurrent": 5, "window_seconds": 60}
    scenarios = {
        "limits: 429 above the limit": (correct, account | {"mode": "429"}),
        "limits: queued above the limit": (correct, account | {"mode": "queue"}),
        "limits: 429, configured limit too high": (
            too_high,
            account | {"mode": "429", "retry_after": 2},
        ),
    }
    rows: list[AuditRow] = []
    for name, (configured, enforced) in scenarios.items():
        harness.set_options(limits=enforced)
        before = harness.throttled_submits()
        try:
            with harness.functions.environment({"Submit": configured}):
                requested = harness.run([(name, _NO_FAULT)] * jobs, 600)
        finally:
            harness.set_options(limits={"mode": "off"})
        (row,) = harness.audit(requested)
        throttled = harness.throttled_submits() - before
        if configured is correct and throttled:
            row.unexpected.append(f"{throttled} submits exceeded the account's limit")
        rows.append(row)
    return rows
