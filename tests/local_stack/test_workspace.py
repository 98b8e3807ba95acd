"""The directories of a run and the removal of leftovers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import workspace
from local.workspace import KEPT_LOGS


@pytest.fixture
def ended_pid() -> int:
    """Return the id of an ended process."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path, ended_pid: int) -> None:
    leftover = tmp_path / "tmp" / f"{ended_pid}-abc"
    leftover.mkdir(parents=True)

    with workspace.workspace(tmp_path):
        assert not leftover.exists()


def test_files_of_a_running_process_are_kept(tmp_path: Path) -> None:
    own = tmp_path / "tmp" / f"{os.getppid()}-abc"
    own.mkdir(parents=True)

    with workspace.workspace(tmp_path):
        assert own.exists()


def test_only_the_newest_logs_are_kept(tmp_path: Path, ended_pid: int) -> None:
    for number in range(KEPT_LOGS + 3):
        (tmp_path / "logs" / f"{ended_pid}-{number}").mkdir(parents=True)

    workspace.remove_leftovers(tmp_path)

    assert len(list((tmp_path / "logs").iterdir())) == KEPT_LOGS
