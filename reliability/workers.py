"""Find the Lambda worker process at the other end of a local connection.

Linux only: reads /proc, which needs no package and no privilege.
"""

import os
import select
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

type Address = tuple[str, int]

PROC = Path("/proc")
WORKER_SCRIPT = b"_worker.py"  # the emulator's program that runs a function
FUNCTION_VARIABLE = b"AWS_LAMBDA_FUNCTION_NAME="


@dataclass(frozen=True)
class Worker:
    """A process that runs a function."""

    pid: int
    function: str

    def kill(self) -> None:
        """Send SIGKILL, and wait until the process has exited."""
        try:
            process = os.pidfd_open(self.pid)
        except ProcessLookupError:  # it has exited
            return
        with os.fdopen(process):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [])  # readable once the process has exited


def require_proc() -> None:
    """Raise LocalError unless this is Linux."""
    if not (PROC / "net" / "tcp").exists():
        raise LocalError("finding a worker by its connection needs Linux (/proc/net/tcp)")


def find(client: Address, server: Address) -> Worker | None:
    """Return the worker that owns the client socket of a connection, or None."""
    inode = _socket_inode(client, server)
    if inode is None:
        return None
    link = f"socket:[{inode}]"
    for pid in _worker_pids():
        if _has_open(pid, link):
            function = _function_name(pid)
            return None if function is None else Worker(pid, function)
    return None


def _socket_inode(client: Address, server: Address) -> str | None:
    endpoints = [_format_address(client), _format_address(server)]
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == endpoints:
            return fields[9]
    return None


def _format_address(address: Address) -> str:
    host = bytes(int(part) for part in address[0].split("."))
    # The kernel prints the address as a number in the machine's byte order.
    return f"{int.from_bytes(host, 'little'):08X}:{address[1]:04X}"


def _worker_pids() -> list[int]:
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if WORKER_SCRIPT in _read(pid, "cmdline")]


def _has_open(pid: int, link: str) -> bool:
    with suppress(OSError):
        for fd in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                if str(fd.readlink()) == link:
                    return True
    return False


def _function_name(pid: int) -> str | None:
    variables = _read(pid, "environ").split(b"\0")
    names = [
        variable.removeprefix(FUNCTION_VARIABLE)
        for variable in variables
        if variable.startswith(FUNCTION_VARIABLE)
    ]
    return names[0].decode() if names else None


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:  # the process has exited
        return b""
