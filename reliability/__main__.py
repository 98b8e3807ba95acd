"""`make faults`: break everything, and see whether every promise is kept.

Variables: SEED, ONLY (a phase, or several with commas), SHORT=1. The long form writes the table of
each phase that went well into docs/reliability.md.
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
from reliability import breaking, phases
from reliability.audit import Row
from reliability.batch import batch
from reliability.harness import ChaosHarness
from reliability.page import record
from reliability.table import lines, total

# Twenty times as fast as the real provider.
TIME_SCALE = 0.05
PAGE = ROOT / "docs" / "reliability.md"

type Phase = Callable[[ChaosHarness], list[Row]]

LONG: dict[str, Phase] = {
    # First: what other phases leave for ever at the provider takes room there.
    "limits": lambda harness: phases.limits(harness, 40),
    "provider": lambda harness: phases.provider(harness, 3),
    "shared": lambda harness: phases.shared_calls(harness, 3),
    "mix": lambda harness: phases.mix(harness, 200),
    "aws": lambda harness: breaking.services(harness, 4),
    "kills": breaking.kills,
    "again": lambda harness: breaking.told_again(harness, 6),
    "clock": lambda harness: breaking.wrong_clock(harness, 4),
    "batch": lambda harness: batch(harness, 1000),
}
SHORT: dict[str, Phase] = {
    "mix": lambda harness: phases.mix(harness, 40),
    "kills": lambda harness: breaking.kills(harness, 2),
    "again": lambda harness: breaking.told_again(harness, 3),
}


def main() -> int:
    """Run the phases; 1 if a promise was broken."""
    is_short = bool(os.environ.get("SHORT"))
    chosen = SHORT if is_short else LONG
    only = [name for name in os.environ.get("ONLY", "").split(",") if name]
    if unknown := set(only) - chosen.keys():
        raise LocalError(f"ONLY: no phase {', '.join(sorted(unknown))}; {', '.join(chosen)}")
    seed = int(os.environ.get("SEED") or 7)
    rows: list[Row] = []
    with running(Options(time_scale=TIME_SCALE), say=print) as stack, Listener(stack.stack) as bus:
        harness = ChaosHarness(stack, bus, seed=seed)
        for name, phase in chosen.items():
            if only and name not in only:
                continue
            since = time.monotonic()
            found = phase(harness)
            seconds = time.monotonic() - since
            table = "\n".join(lines([*found, total(found)]))
            print(f"\n{name}: {seconds:.0f} s, seed {seed}\n{table}", flush=True)
            for row in found:
                for each in row.unexpected:
                    print(f"unexpected: {row.name}: {each}", flush=True)
            if not is_short and total(found).is_good:
                when = f"{datetime.now(UTC):%Y-%m-%d}, seed {seed}"
                told = f"{when}, {seconds:.0f} s on {os.cpu_count()} processors."
                record(PAGE, list(LONG), name, f"{told}\n\n{table}")
            rows += found
    is_good = total(rows).is_good
    verdict = "every promise was kept" if is_good else "A PROMISE WAS BROKEN"
    print(f"\n{verdict}: seed {seed}")
    return 0 if is_good else 1


if __name__ == "__main__":
    stop_on_signals()
    try:
        sys.exit(main())
    except LocalError as error:
        sys.exit(f"make faults failed: {error}")
