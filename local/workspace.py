"""A run's own directories: logs that stay for reading, and temporary files that go."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import paths
from local.processes import alive

KEPT_LOGS = 5


@dataclass(frozen=True)
class Workspace:
    """Directories of one run, named after the process that owns them."""

    logs: Path
    temporary: Path


@contextmanager
def workspace(state: Path = paths.STATE) -> Iterator[Workspace]:
    """Directories for one run; leftovers of runs that were killed go first, ours when it ends."""
    sweep(state)
    (state / "tmp").mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=state / "tmp"))
    logs = state / "logs" / temporary.name
    logs.mkdir(parents=True)
    try:
        yield Workspace(logs, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(state: Path) -> None:
    """Remove what dead processes left: all their temporary files, and all but their newest logs."""
    for leftover in _of_the_dead(state / "tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    logs = sorted(_of_the_dead(state / "logs"), key=lambda path: path.stat().st_mtime)
    for old in logs[:-KEPT_LOGS]:
        shutil.rmtree(old, ignore_errors=True)


def _of_the_dead(parent: Path) -> list[Path]:
    owned = [path for path in parent.glob("*-*") if path.name.split("-")[0].isdigit()]
    return [path for path in owned if not alive(int(path.name.split("-")[0]))]
