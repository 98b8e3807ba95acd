"""Run every benchmark, or those that ONLY names; the exit code is 1 if a promise is broken."""

import os
import subprocess
import sys
from importlib import import_module

from benchmarks.report import write

NAMES = ("waiting", "bill", "imports", "bytes", "http", "side_by_side", "money", "scale")


def main(names: list[str]) -> int:
    """Run each in a process of its own: a child's peak memory begins at what its parent held."""
    if len(names) == 1:
        section = import_module(f"benchmarks.{names[0]}").run()
        write(names[0], section)
        return 0 if section.kept else 1
    command = [sys.executable, "-m", "benchmarks"]
    return max(subprocess.run([*command, name], check=False).returncode for name in names)


if __name__ == "__main__":
    wanted = sys.argv[1:] or os.environ.get("ONLY", "").split() or list(NAMES)
    if unknown := set(wanted) - set(NAMES):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    sys.exit(main(wanted))
