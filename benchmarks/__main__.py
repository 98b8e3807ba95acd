"""Run every benchmark; the exit code is 1 if a promise is broken."""

import subprocess
import sys

# Each in a process of its own: a child's peak memory begins at what its parent held.
NAMES = ("polling", "http_latency", "finalize_memory")

sys.exit(
    max(subprocess.run([sys.executable, "-m", f"benchmarks.{n}"], check=False).returncode
        for n in NAMES)
)  # fmt: skip
