"""Cold starts: time and memory of each handler in a new process, relative to a baseline.

The baseline is the minimum of a function that calls AWS: `import boto3`, and one client.
"""

import json
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
from benchmarks.template import VARIABLES
from local.build import build
from local.paths import STATE
from local.processes import Supervisor

LOGS = STATE / "logs"
RUNS, MAX_RATIO = 9, 2.5
# What each handler builds before its first event.
USE_CASES = {
    "api": "routes", "erase": "routes", "keys": "routes", "settings": "routes", "callback_secrets": "routes",
    "authorizer": "app().authorize", "on_upload": "app().upload_job", "on_request": "app().request_job",
    "on_webhook": "app().receive_webhook", "quote": "app().ports.quotes", "submit": "app().submit_job",
    "check": "app().check_job", "finalize": "app().finalize_job", "fail": "app().end_job",
    "on_execution_ended": "app().end_job", "continue_chain": "app().continue_chain",
    "record_stats": "app().record_stats", "send_callback": "app().send_callback", "sweep": "app().sweep_jobs",
    "reconcile": "app().reconcile_billing", "create_rows": "app().create_rows",
    "collect_batch": "app().collect_batch", "zip_batch": "app().zip_batch",
    "archive_audit": "app().ports.audit_archive",
}  # fmt: skip
_HTTP = "from darkroom.handlers._http import api; api(handler.routes)"
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
    """Return the tables. They pass if every handler is ready within the limit."""
    built, _ = build(Supervisor(LOGS))
    archives = {
        name: built.parent / _code(built, function)
        for name, function in (
            ("all functions except thumbnails", "CheckFunction"),
            ("thumbnails", "ThumbnailFunction"),
        )
    }
    with TemporaryDirectory() as scratch:
        runtime, uncompiled = Path(scratch) / "runtime", Path(scratch) / "uncompiled"
        runtime.mkdir()
        artifact = Path(scratch) / "artifact"
        zipfile.ZipFile(archives["all functions except thumbnails"]).extractall(artifact)
        for name in _RUNTIME_PACKAGES:
            (runtime / name).symlink_to(Path(boto3.__file__).parents[1] / name)
        shutil.copytree(artifact, uncompiled, ignore=shutil.ignore_patterns("__pycache__"))
        measured = _measure([str(artifact), str(runtime)], [str(uncompiled), str(runtime)])
    baseline = measured["baseline"]
    rows, has_passed = [], True
    for name, (import_seconds, ready_seconds, memory) in measured.items():
        ratio = ready_seconds / baseline[1]
        if name in USE_CASES:
            has_passed &= ratio <= MAX_RATIO
        import_ratio = "" if name == "baseline" else f"{import_seconds / baseline[1]:.2f}"
        rows.append((
            name, f"{import_seconds * 1000:.0f} ms", import_ratio,
            f"{ready_seconds * 1000:.0f} ms", f"{ratio:.2f}",
            f"{memory:.0f} MB", f"{memory / baseline[2]:.2f}",
        ))  # fmt: skip
    head = ("handler", "import", "ratio", "ready", "ratio", "memory", "ratio")
    body = f"""`import` is the time to import a handler. `ready` includes building its use case and the AWS clients that it
uses, which Lambda does before the first event, with full processors. Ratios are relative to the baseline's ready time and
memory. Target: a ready ratio of at most {MAX_RATIO}. {"All handlers meet it." if has_passed else "**Not all handlers meet it.**"}

{table(head, rows)}

{_sizes(archives)}"""
    inputs = (
        f"Medians of {RUNS} new processes each, interleaved; CPU seconds. Imports come from the built artifact and the "
        "packages of the Lambda runtime only. The baseline is `import boto3` and one client. No network calls."
    )
    return Section("Cold starts", inputs, body, has_passed)


def _measure(path: list[str], uncompiled_path: list[str]) -> dict[str, tuple[float, ...]]:
    """Return seconds to import, seconds until ready, and MB of memory, by handler."""
    bodies = {"baseline": _BASELINE} | {
        name: f"import darkroom.handlers.{name} as handler\nmark()\n"
        + (_HTTP if use_case == "routes" else f"handler.{use_case}")
        for name, use_case in USE_CASES.items()
    }
    scripts = {name: (path, body) for name, body in bodies.items()}
    scripts["submit, without compiled bytecode"] = uncompiled_path, bodies["submit"]
    samples: dict[str, list[list[float]]] = defaultdict(list)
    env = VARIABLES | {"PATH": os.environ["PATH"]}
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


def _code(built: Path, function: str) -> str:
    """Return the name of a function's ZIP file."""
    resource = json.loads(built.read_text())["Resources"][function]
    return str(resource["Properties"]["CodeUri"])


def _sizes(archives: dict[str, Path]) -> str:
    """Return the sizes of the deployed artifacts, zipped and unzipped."""
    rows = []
    for name, path in archives.items():
        entries = zipfile.ZipFile(path).infolist()
        size = sum(entry.file_size for entry in entries)
        zipped = path.stat().st_size
        rows.append((name, f"{zipped / 1e6:.1f} MB", f"{size / 1e6:.1f} MB", len(entries)))
    return table(("artifact", "zipped", "unzipped", "files"), rows)
