"""Child processes: cleanup of process groups, timeouts and the death of the parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.errors import LocalError
from local.processes import Supervisor, is_running
from local.waiting import until

# A child process that starts a grandchild, writes both process ids to a file and waits.
FAMILY = """
import os, pathlib, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
path = pathlib.Path(sys.argv[1])
path.with_suffix(".new").write_text(f"{os.getpid()} {grandchild.pid}")
path.with_suffix(".new").rename(path)
time.sleep(60)
"""
# A parent that starts such a child; the test kills it without cleanup.
PARENT = f"""
import os, pathlib, sys, time
from local.processes import Supervisor
folder = pathlib.Path(sys.argv[1])
Supervisor(folder).start("child", [sys.executable, "-c", {FAMILY!r}, folder / "ids"], os.environ)
time.sleep(60)
"""


def process_ids(folder: Path) -> list[int]:
    path = folder / "ids"
    return until(
        lambda: [int(word) for word in path.read_text().split()] if path.exists() else None,
        seconds=10,
        what="the start of the family",
    )


def has_ended(pid: int) -> bool:
    """Return whether the process has ended; a zombie counts as ended."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return not is_running(pid) or status.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for_end(pid: int) -> None:
    until(lambda: True if has_ended(pid) else None, seconds=10, what=f"the end of {pid}")


def test_supervisor_exit_stops_children_and_grandchildren(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as children:
        children.start("child", [sys.executable, "-c", FAMILY, tmp_path / "ids"], os.environ)
        family = process_ids(tmp_path)

    for pid in family:
        wait_for_end(pid)


def test_child_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.processes.GRACE_SECONDS", 0.2)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('ready', flush=True); time.sleep(60)"
    )
    with Supervisor(tmp_path) as children:
        child = children.start("child", [sys.executable, "-c", stubborn], os.environ)
        until(lambda: child.log.read_text() or None, seconds=10, what="the first output")

    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="parent death signals exist only on Linux")
def test_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path])
    child, grandchild = process_ids(tmp_path)

    parent.kill()
    parent.wait()

    wait_for_end(child)
    if not has_ended(grandchild):  # grandchildren get no parent death signal
        os.kill(grandchild, signal.SIGKILL)


def test_failed_process_is_reported_with_last_line_and_log(tmp_path: Path) -> None:
    script = "import sys; print('no such bucket'); print(); sys.exit(3)"

    with Supervisor(tmp_path) as children, pytest.raises(LocalError) as caught:
        children.run("deploy", [sys.executable, "-c", script], os.environ, seconds=10)

    assert str(caught.value) == "deploy failed (3): no such bucket"
    assert caught.value.log == tmp_path / "deploy.log"


def test_process_is_stopped_after_its_timeout(tmp_path: Path) -> None:
    script = "import time; time.sleep(60)"

    with Supervisor(tmp_path) as children, pytest.raises(LocalError, match=r"longer than 0\.2 s"):
        children.run("build", [sys.executable, "-c", script], os.environ, seconds=0.2)
