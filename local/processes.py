"""Child processes that end with the command that started them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local.errors import LocalError

PARENT_DEATH = Path(__file__).with_name("parent_death.py")
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Child:
    """A child process with its own process group and log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_alive(self) -> None:
        """Raise LocalError with the last line of the log if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise LocalError(f"{self.name} ended ({code}): {last_line(self.log)}", self.log)

    def wait(self, seconds: float) -> int:
        """Return the exit code. Raises LocalError if the process runs longer than `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LocalError(f"{self.name} took longer than {seconds:g} s", self.log) from None

    def stop(self) -> None:
        """Send SIGTERM to the process group, wait up to 5 seconds, then send SIGKILL."""
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            os.killpg(self.process.pid, number)


@dataclass
class Supervisor:
    """Starts child processes with logs in one directory, and stops them in reverse order."""

    logs: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, argv: Sequence[str | Path], env: Mapping[str, str]) -> Child:
        """Start a process in a new session, so that Ctrl-C does not reach it directly."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        command = [sys.executable, "-IS", str(PARENT_DEATH), str(os.getpid()), *map(str, argv)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def run(
        self, name: str, argv: Sequence[str | Path], env: Mapping[str, str], *, seconds: float
    ) -> Path:
        """Run a process to its end and return its log. Raises LocalError if it fails."""
        child = self.start(name, argv, env)
        try:
            code = child.wait(seconds)
        finally:
            child.stop()
            self.children.remove(child)
        if code != 0:
            raise LocalError(f"{name} failed ({code}): {last_line(child.log)}", child.log)
        return child.log

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self.children:
            self.children.pop().stop()


def last_line(log: Path) -> str:
    """Return the last non-empty line, which usually is the error message."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def is_running(pid: int) -> bool:
    """Return whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stop_on_signals() -> None:
    """Exit with cleanup on SIGTERM and SIGHUP, as on Ctrl-C, so that children are stopped."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
