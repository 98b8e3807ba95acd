"""Who is on the other end of a connection on this machine: which process, of which function.

Linux only: it reads /proc, which tells every process of ours without any package or privilege.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

type Address = tuple[str, int]

PROC = Path("/proc")
WORKER_SCRIPT = b"_worker.py"  # how the emulator names the program that runs a function
NAME = b"AWS_LAMBDA_FUNCTION_NAME="
DEATH_SECONDS = 5


@dataclass(frozen=True)
class Worker:
    """A process that runs a function of this name."""

    pid: int
    function: str

    def kill(self) -> None:
        """SIGKILL, and wait until it does not run any more."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        give_up_at = time.monotonic() + DEATH_SECONDS
        while _runs(self.pid):
            if time.monotonic() > give_up_at:
                raise LocalError(f"process {self.pid} does not die")
            time.sleep(0.001)


def require_proc() -> None:
    """Say at once that this works on Linux only."""
    if not (PROC / "net" / "tcp").exists():
        raise LocalError("finding a worker by its connection needs Linux (/proc/net/tcp)")


def worker_at(client: Address, server: Address) -> Worker | None:
    """The worker whose socket is `client` of a connection to `server`."""
    inode = _inode(client, server)
    if inode is None:
        return None
    link = f"socket:[{inode}]"
    for pid in _workers():
        if _holds(pid, link):
            name = _function(pid)
            return None if name is None else Worker(pid, name)
    return None


def _inode(client: Address, server: Address) -> str | None:
    ends = [_hex(client), _hex(server)]
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1:3] == ends:
            return words[9]
    return None


def _hex(address: Address) -> str:
    host = bytes(int(part) for part in address[0].split("."))
    # The kernel prints the address as a number in the machine's own byte order.
    return f"{int.from_bytes(host, 'little'):08X}:{address[1]:04X}"


def _workers() -> list[int]:
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if WORKER_SCRIPT in _read(pid, "cmdline")]


def _holds(pid: int, link: str) -> bool:
    with suppress(OSError):
        for fd in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                if str(fd.readlink()) == link:
                    return True
    return False


def _function(pid: int) -> str | None:
    variables = _read(pid, "environ").split(b"\0")
    names = [entry.removeprefix(NAME) for entry in variables if entry.startswith(NAME)]
    return names[0].decode() if names else None


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def _runs(pid: int) -> bool:
    # The state follows the name, which is in brackets and may hold anything.
    state = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")
