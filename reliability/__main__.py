"""`make faults`: inject faults into the local stack and audit every job afterwards.

Variables: SEED, ONLY (phases, separated by commas), SHORT=1. A full run writes the table of each
phase that passes into docs/reliability.md.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from local.errors import LocalError
from local.events import Listener
from local.options import Options
from local.paths import ROOT
from local.processes import stop_on_signals
from local.stack import running
from reliability import aws_phases, provider_phases
from reliability.audit import AuditRow
from reliability.batch import batch
from reliability.callbacks import callbacks
from reliability.chain_phases import chains
from reliability.harness import ChaosHarness
from reliability.page import record_phase
from reliability.table import markdown_table, total

# Twenty times as fast as the real provider.
TIME_SCALE = 0.05
PAGE = ROOT / "docs" / "reliability.md"

type Phase = Callable[[ChaosHarness], list[AuditRow]]

FULL_PHASES: dict[str, Phase] = {
    # First: other phases leave predictions that run forever and occupy the account's concurrency.
    "limits": lambda harness: provider_phases.limits(harness, 40),
    "provider": lambda harness: provider_phases.provider(harness, 3),
    "shared": lambda harness: provider_phases.shared_calls(harness, 3),
    "mix": lambda harness: provider_phases.mix(harness, 200),
    "aws": lambda harness: aws_phases.services(harness, 4),
    "kills": aws_phases.kills,
    "again": lambda harness: aws_phases.repeated_deliveries(harness, 6),
    "callbacks": lambda harness: callbacks(harness, 3),
    "clock": lambda harness: aws_phases.clock_skew(harness, 4),
    "chains": lambda harness: chains(harness, 12),
    "batch": lambda harness: batch(harness, 1000),
}
SHORT_PHASES: dict[str, Phase] = {
    "mix": lambda harness: provider_phases.mix(harness, 40),
    "kills": lambda harness: aws_phases.kills(harness, 2),
    "again": lambda harness: aws_phases.repeated_deliveries(harness, 3),
    "callbacks": lambda harness: callbacks(harness, 1),
    "chains": lambda harness: chains(harness, 4, max_rounds=4),
}


def _seed() -> int:
    text = os.environ.get("SEED") or "7"
    try:
        return int(text)
    except ValueError:
        raise LocalError(f"SEED: {text} is not a whole number") from None


def main() -> int:
    """Run the phases. Return 1 if an audit failed, otherwise 0."""
    is_short = bool(os.environ.get("SHORT"))
    phases = SHORT_PHASES if is_short else FULL_PHASES
    only = [name for name in os.environ.get("ONLY", "").split(",") if name]
    if unknown := set(only) - phases.keys():
        raise LocalError(
            f"ONLY: unknown phase {', '.join(sorted(unknown))}; phases: {', '.join(phases)}"
        )
    seed = _seed()
    all_rows: list[AuditRow] = []
    with (
        running(Options(time_scale=TIME_SCALE), say=print) as local,
        Listener(local.stack) as bus,
    ):
        harness = ChaosHarness(local.stack, bus, seed=seed)
        for name, phase in phases.items():
            if only and name not in only:
                continue
            started_at = time.monotonic()
            rows = phase(harness)
            seconds = time.monotonic() - started_at
            table = "\n".join(markdown_table([*rows, total(rows)]))
            print(f"\n{name}: {seconds:.0f} s, seed {seed}\n{table}", flush=True)
            for row in rows:
                for message in row.unexpected:
                    print(f"unexpected: {row.name}: {message}", flush=True)
            if not is_short and total(rows).has_passed:
                summary = (
                    f"{datetime.now(UTC):%Y-%m-%d}, seed {seed}, "
                    f"{seconds:.0f} s on {os.cpu_count()} processors."
                )
                record_phase(PAGE, list(FULL_PHASES), name, f"{summary}\n\n{table}")
            all_rows += rows
    has_passed = total(all_rows).has_passed
    print(f"\n{'all audits passed' if has_passed else 'AN AUDIT FAILED'}: seed {seed}")
    return 0 if has_passed else 1


if __name__ == "__main__":
    stop_on_signals()
    try:
        sys.exit(main())
    except LocalError as error:
        sys.exit(f"make faults failed: {error}")
