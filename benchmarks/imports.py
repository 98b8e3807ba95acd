"""Cold starts: time and memory of each handler in a new process, relative to a baseline.

The baseline is the minimum of a function that calls AWS: `import boto3`, and one client.
"""

import os
import shutil
import statistics
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import boto3

from benchmarks.report import Section, table
from local.build import build
from local.paths import STATE
from local.processes import Supervisor
from tests.workflow.deployment import VARIABLES

LOGS = STATE / "logs"
RUNS, MAX_RATIO, MAX_API_RATIO = 9, 1.5, 2.0
# The function in darkroom.bootstrap that builds each handler's use case.
USE_CASES = {
    "api": "entry_points.api", "authorizer": "entry_points.authorize", "on_upload": "entry_points.upload_job",
    "on_request": "entry_points.request_job", "on_webhook": "entry_points.receive_webhook",
    "submit": "steps.submit_job", "check": "steps.check_job", "finalize": "steps.finalize_job",
    "fail": "steps.end_job", "on_execution_ended": "steps.end_job",
    "record_stats": "sweeps.record_stats", "sweep": "sweeps.sweep_jobs",
    "reconcile": "sweeps.reconcile_billing", "create_rows": "batches.create_rows",
    "collect_batch": "batches.collect_batch",
}  # fmt: skip
_BASELINE = "import boto3\nmark()\nboto3.client('dynamodb')"
# Packages of the Lambda runtime. Everything else comes from the artifact.
_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "jmespath", "urllib3")
_SCRIPT = """
import sys, time
sys.path[:0] = {path!r}
started_at = time.process_time()
marks = []
def mark():
    marks.append(time.process_time() - started_at)
{body}
total = time.process_time() - started_at
pages = int(open("/proc/self/statm").read().split()[1])
print(marks[0], total, pages * 4096 / 1e6)
"""


def run() -> Section:
    """Return the tables. They pass if every handler's import is within its limit."""
    built, _ = build(Supervisor(LOGS))
    artifact = built.parent / "CheckFunction"
    with TemporaryDirectory() as scratch:
        runtime, uncompiled = Path(scratch) / "runtime", Path(scratch) / "uncompiled"
        runtime.mkdir()
        for name in _RUNTIME_PACKAGES:
            (runtime / name).symlink_to(Path(boto3.__file__).parents[1] / name)
        shutil.copytree(artifact, uncompiled, ignore=shutil.ignore_patterns("__pycache__"))
        measured = _measure([str(artifact), str(runtime)], [str(uncompiled), str(runtime)])
    baseline = measured["baseline"]
    rows, has_passed = [], True
    for name, (import_seconds, ready_seconds, memory) in measured.items():
        ratio = import_seconds / baseline[1]
        if name in USE_CASES:
            has_passed &= ratio <= (MAX_API_RATIO if name == "api" else MAX_RATIO)
        rows.append((
            name, f"{import_seconds * 1000:.0f} ms", "" if name == "baseline" else f"{ratio:.2f}",
            f"{ready_seconds * 1000:.0f} ms", f"{ready_seconds / baseline[1]:.2f}",
            f"{memory:.0f} MB", f"{memory / baseline[2]:.2f}",
        ))  # fmt: skip
    head = ("handler", "import", "ratio", "ready", "ratio", "memory", "ratio")
    body = f"""`import` is the time to import a handler. `ready` includes building its use case and the AWS clients that it
uses. Ratios are relative to the baseline's ready time and memory. Targets: an import ratio of at most {MAX_RATIO}, for the
API {MAX_API_RATIO}. {"All handlers meet them." if has_passed else "**Not all handlers meet them.**"} Use cases are built before the first event, while Lambda grants full processors.

{table(head, rows)}

{_sizes(built.parent)}"""
    inputs = (
        f"Medians of {RUNS} new processes each, interleaved; CPU seconds. Imports come from the built artifact and the "
        "packages of the Lambda runtime only. The baseline is `import boto3` and one client. No network calls."
    )
    return Section("Cold starts", inputs, body, has_passed)


def _measure(path: list[str], uncompiled_path: list[str]) -> dict[str, tuple[float, ...]]:
    """Return seconds to import, seconds until ready, and MB of memory, by handler."""
    bodies = {"baseline": _BASELINE} | {
        name: f"import darkroom.handlers.{name}\nmark()\n"
        f"from darkroom.bootstrap import {factory.split('.')[0]}\n{factory}()"
        for name, factory in USE_CASES.items()
    }
    scripts = {name: (path, body) for name, body in bodies.items()}
    scripts["submit, without compiled bytecode"] = uncompiled_path, bodies["submit"]
    samples: dict[str, list[list[float]]] = defaultdict(list)
    env = VARIABLES | {"PATH": os.environ["PATH"], "INBOX_BUCKET": "inbox"}
    for _ in range(RUNS):
        for name, (search_path, body) in scripts.items():
            process = subprocess.run(
                [sys.executable, "-IBSc", _SCRIPT.format(body=body, path=search_path)],
                env=env, check=True, capture_output=True, text=True,
            )  # fmt: skip
            samples[name].append([float(word) for word in process.stdout.split()[-3:]])
    return {
        name: tuple(statistics.median(column) for column in zip(*values, strict=True))
        for name, values in samples.items()
    }


def _sizes(built: Path) -> str:
    """Return the sizes of the deployed artifacts, zipped and unzipped."""
    rows = []
    for name, folder in (
        ("all functions except thumbnails", "CheckFunction"),
        ("thumbnails", "ThumbnailFunction"),
    ):
        files = [path for path in (built / folder).rglob("*") if path.is_file()]
        with TemporaryDirectory() as scratch:
            archive = Path(scratch) / "artifact.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                for path in files:
                    file.write(path, path.relative_to(built))
            zipped = archive.stat().st_size
        size = sum(path.stat().st_size for path in files)
        rows.append((name, f"{zipped / 1e6:.1f} MB", f"{size / 1e6:.1f} MB", len(files)))
    return table(("artifact", "zipped", "unzipped", "files"), rows)
