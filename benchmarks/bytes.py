"""Copying outputs: how fast the finalizer is beside curl, and how much memory it takes.

Each size is finalized in a fresh process, by the real use case and the real adapters of CDN and S3;
curl downloads the same bytes and puts them to the same endpoint. Both end on the loopback.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.loopback import Cdn, Sink, SlowCdn, serve
from benchmarks.report import ROOT, Section, table

SIZES = (1_000_000, 10_000_000, 50_000_000)
ROUNDS, OUTPUTS = 7, 4
LIMIT = 16.0  # MB that the largest may take more than the smallest


class _Copied(NamedTuple):
    seconds: float
    peak: float  # MB


def run() -> Section:
    """Return the tables; kept if memory does not grow with the asset."""
    with serve(Cdn) as cdn, serve(Sink) as s3:
        rows, peaks = [], []
        for size in SIZES:
            curl, ours = _curl(size, cdn, s3), _finalize(size, 1, cdn, s3)
            peaks.append(ours.peak)
            rows.append((
                f"{size / 1e6:.0f} MB", _speed(size, curl), _speed(size, ours.seconds),
                f"{ours.seconds / curl:.2f}", f"{ours.peak:.0f} MB",
            ))  # fmt: skip
    with serve(SlowCdn) as cdn, serve(Sink) as s3:
        one, many = (_finalize(SIZES[1], n, cdn, s3) for n in (1, OUTPUTS))
    kept = max(peaks) - min(peaks) < LIMIT
    copied = table(("asset", "curl", "finalizer", "times curl's seconds", "peak memory"), rows)
    body = f"""A picture from a CDN into S3: downloaded, judged, hashed, stored with its sum, and the job ended.

{copied}

Memory is flat: between the smallest and the largest there are {max(peaks) - min(peaks):.0f} MB, of {LIMIT:.0f} allowed.
From a CDN that gives each connection 20 MB/s, {OUTPUTS} outputs of {SIZES[1] / 1e6:.0f} MB take {many.seconds / one.seconds:.1f} times as long as one, and
{many.peak:.0f} MB of memory: up to four are copied at once."""
    inputs = (
        f"Medians of {ROUNDS} copies each. CDN and S3 are two servers of one process on the loopback, "
        "without TLS; so botocore hashes the bytes once more to sign them, which it does not over TLS."
    )
    return Section("Copying", inputs, body, kept)


def _finalize(size: int, outputs: int, cdn: str, s3: str) -> _Copied:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.finalize_once",
            *map(str, (size, outputs, ROUNDS)),
            cdn,
            s3,
        ],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'functions'}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    told = json.loads(done.stdout)
    return _Copied(statistics.median(told["seconds"]), told["peak"])


def _curl(size: int, cdn: str, s3: str) -> float:
    taken = []
    with TemporaryDirectory() as folder:
        file = Path(folder) / "asset.png"
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            subprocess.run(["curl", "-sSf", "-o", file, f"{cdn}/{size}.png"], check=True)
            subprocess.run(
                ["curl", "-sSf", "-H", "Expect:", "-T", file, f"{s3}/assets/{size}.png"], check=True
            )
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _speed(size: int, seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms, {size / seconds / 1e6:.0f} MB/s"
