"""The directories of one run: logs, which are kept, and temporary files, which are removed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import paths
from local.processes import is_running

KEPT_LOGS = 5


@dataclass(frozen=True)
class Workspace:
    """The directories of one run, named after its process id."""

    logs: Path
    temporary: Path


@contextmanager
def workspace(state: Path = paths.STATE) -> Iterator[Workspace]:
    """Create the directories of a run; remove old leftovers, and at the end the temporary files."""
    remove_leftovers(state)
    (state / "tmp").mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=state / "tmp"))
    logs = state / "logs" / temporary.name
    logs.mkdir(parents=True)
    try:
        yield Workspace(logs, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(state: Path) -> None:
    """Remove the temporary files of ended processes, and all but their five newest logs."""
    for leftover in _of_ended_processes(state / "tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    logs = sorted(_of_ended_processes(state / "logs"), key=lambda path: path.stat().st_mtime)
    for old in logs[:-KEPT_LOGS]:
        shutil.rmtree(old, ignore_errors=True)


def _of_ended_processes(parent: Path) -> list[Path]:
    owned = [path for path in parent.glob("*-*") if path.name.split("-")[0].isdigit()]
    return [path for path in owned if not is_running(int(path.name.split("-")[0]))]
