"""CPU time and peak memory of the worker processes of functions, read from /proc."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_INTERVAL = 0.25  # seconds between samples


@dataclass
class WorkerUsage:
    """Usage of workers whose function names start with `prefix`, by process id."""

    prefix: str
    cpu_before: dict[int, float] = field(default_factory=dict)  # seconds
    cpu: dict[int, float] = field(default_factory=dict)  # seconds
    peaks: dict[int, float] = field(default_factory=dict)  # MB

    @property
    def seconds(self) -> float:
        """The CPU seconds of all workers during the measurement."""
        return sum(after - self.cpu_before.get(pid, 0.0) for pid, after in self.cpu.items())

    @property
    def peak(self) -> float:
        """The highest peak memory of a worker that used CPU, in MB."""
        busy = [pid for pid, after in self.cpu.items() if after > self.cpu_before.get(pid, 0.0)]
        return max((self.peaks[pid] for pid in busy), default=0.0)

    def sample(self) -> None:
        """Read the usage of all workers."""
        variable = f"AWS_LAMBDA_FUNCTION_NAME={self.prefix}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
                if not any(entry.startswith(variable) for entry in variables):
                    continue
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                status = (folder / "status").read_text()
            except OSError:
                continue
            pid = int(folder.name)
            self.cpu[pid] = (int(stat[11]) + int(stat[12])) / _TICKS_PER_SECOND
            peak = status.partition("VmHWM:")[2].split()
            self.peaks[pid] = int(peak[0]) / 1024 if peak else 0.0


@contextmanager
def measure_workers(prefix: str) -> Iterator[WorkerUsage]:
    """Sample the workers of functions whose names start with `prefix` until the context closes."""
    usage, stopped = WorkerUsage(prefix), Event()
    usage.sample()
    usage.cpu_before = dict(usage.cpu)

    def sample_periodically() -> None:
        while not stopped.wait(_INTERVAL):
            usage.sample()

    thread = Thread(target=sample_periodically, daemon=True)
    thread.start()
    yield usage
    time.sleep(_INTERVAL)
    stopped.set()
    thread.join()
    usage.sample()
