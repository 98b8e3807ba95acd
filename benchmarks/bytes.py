"""Copying outputs: speed of the finalizer compared with curl, and its peak memory.

Each size is finalized in a new process by the real use case with the real CDN and S3 adapters. curl
downloads the same bytes and uploads them to the same endpoint. All servers are on the loopback.
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

from benchmarks.loopback import FakeCdn, FakeS3, SlowCdn, serve
from benchmarks.report import ROOT, Section, table

SIZES = (1_000_000, 10_000_000, 50_000_000)
RUNS, OUTPUTS = 7, 4
MAX_GROWTH = 16.0  # MB of peak memory between the smallest and the largest size


class _Copy(NamedTuple):
    seconds: float
    peak: float  # MB


def run() -> Section:
    """Return the table. It passes if memory does not grow with the size of the asset."""
    with serve(FakeCdn) as cdn, serve(FakeS3) as s3:
        rows, peaks = [], []
        for size in SIZES:
            curl_seconds, copy = _curl(size, cdn, s3), _finalize(size, 1, cdn, s3)
            peaks.append(copy.peak)
            rows.append((
                f"{size / 1e6:.0f} MB", _speed(size, curl_seconds), _speed(size, copy.seconds),
                f"{copy.seconds / curl_seconds:.2f}", f"{copy.peak:.0f} MB",
            ))  # fmt: skip
    with serve(SlowCdn) as cdn, serve(FakeS3) as s3:
        one, several = (_finalize(SIZES[1], outputs, cdn, s3) for outputs in (1, OUTPUTS))
    growth = max(peaks) - min(peaks)
    body = f"""The finalizer copies an image from a CDN to S3: it downloads, validates and hashes the image, stores it with its
checksum, and ends the job. curl downloads and uploads the same bytes.

{table(("asset", "curl", "finalizer", "ratio of seconds", "peak memory"), rows)}

Memory is flat: it grows by {growth:.0f} MB from the smallest to the largest size ({MAX_GROWTH:.0f} MB allowed).
From a CDN that serves 20 MB/s per connection, {OUTPUTS} outputs of {SIZES[1] / 1e6:.0f} MB take {several.seconds / one.seconds:.1f} times as long as one and
{several.peak:.0f} MB of memory: up to four outputs are copied in parallel."""
    inputs = (
        f"Medians of {RUNS} copies each. CDN and S3 are two servers in one process on the loopback, without TLS. "
        "Without TLS botocore hashes the bytes once more to sign them; over TLS it does not."
    )
    return Section("Copying", inputs, body, growth < MAX_GROWTH)


def _finalize(size: int, outputs: int, cdn: str, s3: str) -> _Copy:
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.finalize_once",
            *map(str, (size, outputs, RUNS)),
            cdn,
            s3,
        ],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'functions'}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    measured = json.loads(process.stdout)
    return _Copy(statistics.median(measured["seconds"]), measured["peak"])


def _curl(size: int, cdn: str, s3: str) -> float:
    times = []
    with TemporaryDirectory() as folder:
        file = Path(folder) / "asset.png"
        for _ in range(RUNS):
            started_at = time.perf_counter()
            subprocess.run(["curl", "-sSf", "-o", file, f"{cdn}/{size}.png"], check=True)
            subprocess.run(
                ["curl", "-sSf", "-H", "Expect:", "-T", file, f"{s3}/assets/{size}.png"], check=True
            )
            times.append(time.perf_counter() - started_at)
    return statistics.median(times)


def _speed(size: int, seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms, {size / seconds / 1e6:.0f} MB/s"
