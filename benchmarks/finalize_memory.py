"""Peak memory of finalizing a small and a large asset: it must not grow with the asset.

Each size is finalized in a fresh process, by the real use case and the real adapters of CDN and S3,
against servers on the loopback. The large one is as large as a picture may be (50,000,000 bytes).
"""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.loopback import Cdn, Sink, serve

SMALL, LARGE = 5_000_000, 50_000_000
LIMIT = 16.0  # MB
_ROOT = Path(__file__).parents[1]


def main() -> int:
    """Measure both, print them and the difference; 1 if it is at the limit or over."""
    with serve(Cdn) as cdn, serve(Sink) as s3:
        peaks = [_measure(size, cdn, s3) for size in (SMALL, LARGE)]
    grown = peaks[1] - peaks[0]
    kept = grown < LIMIT
    verdict = "kept" if kept else "BROKEN"
    print(f"finalize: difference {grown:.1f} MB, limit {LIMIT:.0f} MB: {verdict}")
    return 0 if kept else 1


def _measure(size: int, cdn: str, s3: str) -> float:
    """Return the peak memory in MB of a process that finalizes one asset of `size` bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.finalize_once", str(size), cdn, s3],
        cwd=_ROOT,
        env={"PYTHONPATH": f"{_ROOT / 'functions'}{os.pathsep}{_ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    before, peak = (float(word) for word in done.stdout.split())
    print(f"finalize: {size / 1e6:.0f} MB asset, peak {peak:.1f} MB ({before:.1f} MB before it)")
    return peak


if __name__ == "__main__":
    sys.exit(main())
