"""The short form of `make faults`: provider faults, killed workers, repeated deliveries, chains.

The audit of each row checks that every job ends once, that no job is charged twice, that no
finished output is lost, and that stored bytes equal the bytes that the provider served.
"""

import pytest

from reliability import aws_phases, chain_phases, provider_phases
from reliability.audit import AuditRow
from reliability.harness import ChaosHarness
from reliability.table import markdown_table
from tests.e2e.deployment import Deployment

SEED = 7
# Faults of each kind that end quickly. `make faults` has all of them.
FAULTS = (
    "submit: accepted, connection closed",
    "submit: accepted, listed without inputs",
    "submit: connection closed",
    "submit: 400",
    "submit: 403 HTML page for seconds",
    "submit: 429",
    "submit: 200 with body code 500",
    "run: failed, code 1200",
    "run: deleted",
    "run: two outputs",
    "run: outputs after the status",
    "run: output of another model, svg",
    "poll: 404 at first",
    "webhook: before the submit response",
    "webhook: lost",
    "webhook: rotated secret",
    "cdn: 404 once",
    "cdn: HTML page six times",
    "cdn: redirect to a private address",
    "money: charged more than quoted",
    "list: late entry",
)
# Kills around the POST, before and after. `make faults` covers every request of every function.
KILL_ROUNDS = 2
KILLED = ("Submit",)
KILLED_JOBS = ("",)  # jobs without another fault


@pytest.fixture(scope="module")
def harness(deployment: Deployment) -> ChaosHarness:
    return ChaosHarness(deployment.stack, deployment.bus, seed=SEED)


@pytest.fixture(scope="module")
def rows(harness: ChaosHarness) -> dict[str, AuditRow]:
    """Run all faults concurrently. Return the audit rows by fault."""
    return {row.name: row for row in provider_phases.provider(harness, 1, FAULTS)}


def report(rows: list[AuditRow]) -> str:
    return "\n".join([*markdown_table(rows), *(text for row in rows for text in row.unexpected)])


@pytest.mark.parametrize("name", FAULTS)
def test_audit_passes_after_provider_fault(rows: dict[str, AuditRow], name: str) -> None:
    assert rows[name].has_passed, report([rows[name]])


def test_audit_passes_when_workers_are_killed_around_the_post(harness: ChaosHarness) -> None:
    rows = aws_phases.kills(harness, KILL_ROUNDS, KILLED, KILLED_JOBS)

    assert all(row.has_passed for row in rows), report(rows)


def test_audit_passes_after_repeated_and_forged_deliveries(harness: ChaosHarness) -> None:
    rows = aws_phases.repeated_deliveries(harness, 3)

    assert all(row.has_passed for row in rows), report(rows)


def test_audit_passes_after_faults_while_chains_continue(harness: ChaosHarness) -> None:
    rows = chain_phases.chains(harness, 2, max_rounds=1)

    assert all(row.has_passed for row in rows), report(rows)
