"""Child processes that never outlive the command that started them."""

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
    """A running program: its output goes to a log, its whole process group can be stopped."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_alive(self) -> None:
        """Say so, with the end of its log, when the program has ended by itself."""
        code = self.process.poll()
        if code is not None:
            raise LocalError(f"{self.name} ended ({code}): {last_line(self.log)}", self.log)

    def wait(self, seconds: float) -> int:
        """The exit code, or a LocalError when the program takes longer than `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LocalError(f"{self.name} took longer than {seconds:g} s", self.log) from None

    def stop(self) -> None:
        """SIGTERM to the group, a moment to tidy up, then SIGKILL to whatever is left of it."""
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
    """Starts children with their logs in one directory, and stops them all, last one first."""

    logs: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, argv: Sequence[str | Path], env: Mapping[str, str]) -> Child:
        """Start a program in a session of its own (Ctrl-C reaches it only through us)."""
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
        """Run a program to its end; its log. A LocalError with its last words when it failed."""
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
    """The last line with words in it, which is where most programs say what went wrong."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def alive(pid: int) -> bool:
    """Whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind the program like Ctrl-C does, so that children are stopped."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
