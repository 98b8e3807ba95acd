"""What functions' processes take: peak memory of one, and seconds of the processor of all."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

_TICK = os.sysconf("SC_CLK_TCK")
_EVERY = 0.25  # seconds


@dataclass
class Workers:
    """Those of functions whose names begin so, while it is watched."""

    prefix: str
    cpu_before: dict[int, float] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)
    peaks: dict[int, float] = field(default_factory=dict)  # MB

    @property
    def seconds(self) -> float:
        """What all of them took of the processor while it was watched."""
        return sum(after - self.cpu_before.get(pid, 0.0) for pid, after in self.cpu.items())

    @property
    def peak(self) -> float:
        """The most memory that one of them ever had, in MB."""
        busy = [pid for pid, after in self.cpu.items() if after > self.cpu_before.get(pid, 0.0)]
        return max((self.peaks[pid] for pid in busy), default=0.0)

    def look(self) -> None:
        """Read them all once."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
                if not any(
                    each.startswith(f"AWS_LAMBDA_FUNCTION_NAME={self.prefix}".encode())
                    for each in variables
                ):
                    continue
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                status = (folder / "status").read_text()
            except OSError:
                continue
            pid = int(folder.name)
            self.cpu[pid] = (int(stat[11]) + int(stat[12])) / _TICK
            peak = status.partition("VmHWM:")[2].split()
            self.peaks[pid] = int(peak[0]) / 1024 if peak else 0.0


@contextmanager
def watched(prefix: str) -> Iterator[Workers]:
    """Watch the processes of functions whose names begin so."""
    workers, over = Workers(prefix), Event()
    workers.look()
    workers.cpu_before = dict(workers.cpu)

    def watch() -> None:
        while not over.wait(_EVERY):
            workers.look()

    thread = Thread(target=watch, daemon=True)
    thread.start()
    yield workers
    time.sleep(_EVERY)
    over.set()
    thread.join()
    workers.look()
