"""Children are stopped with everything they started, and never outlive their parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.errors import LocalError
from local.processes import Supervisor, alive
from local.waiting import until

# A child that starts a child of its own, writes both ids to a file, and then only waits.
FAMILY = """
import os, pathlib, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
path = pathlib.Path(sys.argv[1])
path.with_suffix(".new").write_text(f"{os.getpid()} {grandchild.pid}")
path.with_suffix(".new").rename(path)
time.sleep(60)
"""
# A parent that starts such a family and is then killed without a chance to tidy up.
PARENT = f"""
import os, pathlib, sys, time
from local.processes import Supervisor
folder = pathlib.Path(sys.argv[1])
Supervisor(folder).start("child", [sys.executable, "-c", {FAMILY!r}, folder / "ids"], os.environ)
time.sleep(60)
"""


def ids(folder: Path) -> list[int]:
    path = folder / "ids"
    return until(
        lambda: [int(word) for word in path.read_text().split()] if path.exists() else None,
        seconds=10,
        what="the start of the family",
    )


def gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has waited for yet counts as ended."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return not alive(pid) or status.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int) -> None:
    until(lambda: True if gone(pid) else None, seconds=10, what=f"the end of {pid}")


def test_leaving_the_supervisor_stops_children_and_what_they_started(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as children:
        children.start("child", [sys.executable, "-c", FAMILY, tmp_path / "ids"], os.environ)
        family = ids(tmp_path)

    for pid in family:
        wait_until_gone(pid)


def test_a_failure_inside_stops_the_children_too(tmp_path: Path) -> None:
    script = "import time; time.sleep(60)"
    children = Supervisor(tmp_path)
    child = children.start("child", [sys.executable, "-c", script], os.environ)

    with pytest.raises(LocalError), children:
        raise LocalError("something else went wrong")

    assert child.process.poll() is not None


def test_a_child_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.processes.GRACE_SECONDS", 0.2)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('deaf', flush=True); time.sleep(60)"
    )
    with Supervisor(tmp_path) as children:
        child = children.start("child", [sys.executable, "-c", stubborn], os.environ)
        until(lambda: child.log.read_text() or None, seconds=10, what="its first words")

    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path])
    child, grandchild = ids(tmp_path)

    parent.kill()
    parent.wait()

    wait_until_gone(child)
    if not gone(grandchild):  # only the emulator's own children see their pipe close
        os.kill(grandchild, signal.SIGKILL)


def test_a_program_that_fails_is_reported_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    script = "import sys; print('no such bucket'); print(); sys.exit(3)"

    with Supervisor(tmp_path) as children, pytest.raises(LocalError) as caught:
        children.run("deploy", [sys.executable, "-c", script], os.environ, seconds=10)

    assert str(caught.value) == "deploy failed (3): no such bucket"
    assert caught.value.log == tmp_path / "deploy.log"


def test_a_program_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    script = "import time; time.sleep(60)"

    with Supervisor(tmp_path) as children, pytest.raises(LocalError, match=r"longer than 0\.2 s"):
        children.run("build", [sys.executable, "-c", script], os.environ, seconds=0.2)


def test_a_service_that_ended_by_itself_is_noticed(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as children:
        child = children.start("emulator", [sys.executable, "-c", "print('port taken')"], {})
        child.process.wait()

        with pytest.raises(LocalError, match=r"emulator ended \(0\): port taken"):
            child.require_alive()
