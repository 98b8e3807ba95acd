"""Run every benchmark, or those in ONLY. The exit code is 1 if a benchmark misses its targets."""

import os
import subprocess
import sys
from importlib import import_module

from benchmarks.report import write

NAMES = ("waiting", "bill", "imports", "bytes", "http", "sheets", "side_by_side", "money", "scale")


def main(names: list[str]) -> int:
    """Run each benchmark in its own process: a child's peak memory starts at its parent's."""
    if len(names) == 1:
        section = import_module(f"benchmarks.{names[0]}").run()
        write(names[0], section)
        return 0 if section.has_passed else 1
    command = [sys.executable, "-m", "benchmarks"]
    return max(subprocess.run([*command, name], check=False).returncode for name in names)


if __name__ == "__main__":
    selected = sys.argv[1:] or os.environ.get("ONLY", "").split() or list(NAMES)
    if unknown := set(selected) - set(NAMES):
        sys.exit(f"unknown benchmark: {', '.join(sorted(unknown))}; benchmarks: {', '.join(NAMES)}")
    sys.exit(main(selected))
