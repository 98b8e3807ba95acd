"""Every run has directories of its own; what killed runs left is removed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local import workspace
from local.workspace import KEPT_LOGS


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_temporary_files_go_and_logs_stay(tmp_path: Path) -> None:
    with workspace.workspace(tmp_path) as space:
        (space.temporary / "unpacked").mkdir()
        (space.logs / "emulator.log").touch()

    assert not space.temporary.exists()
    assert (space.logs / "emulator.log").exists()


def test_leftovers_of_a_killed_run_are_removed_at_the_next_start(tmp_path: Path, dead: int) -> None:
    leftover = tmp_path / "tmp" / f"{dead}-abc"
    leftover.mkdir(parents=True)

    with workspace.workspace(tmp_path):
        assert not leftover.exists()


def test_what_belongs_to_a_living_run_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "tmp" / f"{os.getppid()}-abc"
    own.mkdir(parents=True)

    with workspace.workspace(tmp_path):
        assert own.exists()


def test_only_the_newest_logs_are_kept(tmp_path: Path, dead: int) -> None:
    for number in range(KEPT_LOGS + 3):
        (tmp_path / "logs" / f"{dead}-{number}").mkdir(parents=True)

    workspace.sweep(tmp_path)

    assert len(list((tmp_path / "logs").iterdir())) == KEPT_LOGS
