"""What a cold start has to do: time and memory of each handler in a fresh process, by the floor.

The floor is what any function has to do that calls AWS: `import boto3`, and one client.
"""

import os
import statistics
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import ROOT, Section, table
from local.build import build
from local.paths import STATE
from local.processes import Supervisor
from tests.workflow.deployment import VARIABLES

LOGS = STATE / "logs"
ROUNDS, LIMIT, API_LIMIT = 9, 1.5, 2.0
# What each handler builds when it is first called.
READY = {
    "api": "doors.api", "authorizer": "doors.authorize", "on_upload": "doors.upload_job",
    "on_request": "doors.request_job", "on_webhook": "doors.take_webhook",
    "submit": "steps.submit_job", "check": "steps.check_job", "finalize": "steps.finalize_job",
    "fail": "steps.end_job", "on_execution_ended": "steps.end_job",
    "tally": "sweeps.tally_job", "sweep": "sweeps.sweep_jobs",
    "reconcile": "sweeps.reconcile_billing", "create_rows": "batches.create_rows",
    "gather": "batches.gather_batch",
}  # fmt: skip
_FLOOR = "import boto3\nready()\nboto3.client('dynamodb')"
_SCRIPT = """
import time
begun = time.perf_counter()
marks = []
def ready():
    marks.append(time.perf_counter() - begun)
{body}
whole = time.perf_counter() - begun
pages = int(open("/proc/self/statm").read().split()[1])
print(marks[0], whole, pages * 4096 / 1e6)
"""


def run() -> Section:
    """Return the tables; kept if every handler is within its limit."""
    bodies = {"floor": _FLOOR} | {
        name: f"import darkroom.handlers.{name}\nready()\n"
        f"from darkroom.bootstrap import {made.split('.')[0]}\n{made}()"
        for name, made in READY.items()
    }
    found = _measure(bodies)
    rows, kept = [], True
    for name in bodies:
        loaded, whole, memory = (round(each, 4) for each in found[name])
        times = whole / found["floor"][1]
        limit = API_LIMIT if name == "api" else LIMIT
        if name != "floor":
            kept &= times <= limit
        rows.append((name, f"{loaded * 1000:.0f} ms", f"{whole * 1000:.0f} ms", f"{times:.2f}",
                     f"{memory:.0f} MB", f"{memory / found['floor'][2]:.2f}"))  # fmt: skip
    head = ("handler", "imported", "ready", "by the floor", "memory", "by the floor")
    body = f"""Each handler imported, and ready to work: its use case built, with the clients that it
uses. To be held by each is {LIMIT} times the floor, by the API {API_LIMIT}. {"All hold it." if kept else "**Not all do.**"}

{table(head, rows)}

{_sizes()}"""
    inputs = (
        f"Medians of {ROUNDS} fresh processes each, taken in turn, bytecode compiled. The floor is "
        "`import boto3` and one client. No network: nothing is called."
    )
    return Section("Cold starts", inputs, body, kept)


def _measure(bodies: dict[str, str]) -> dict[str, tuple[float, ...]]:
    taken: dict[str, list[list[float]]] = defaultdict(list)
    env = VARIABLES | {"PYTHONPATH": str(ROOT / "functions"), "PATH": os.environ["PATH"],
                       "INBOX_BUCKET": "inbox"}  # fmt: skip
    for _ in range(ROUNDS):
        for name, body in bodies.items():
            done = subprocess.run(
                [sys.executable, "-c", _SCRIPT.format(body=body)],
                env=env, check=True, capture_output=True, text=True,
            )  # fmt: skip
            taken[name].append([float(word) for word in done.stdout.split()[-3:]])
    return {
        name: tuple(statistics.median(column) for column in zip(*rounds, strict=True))
        for name, rounds in taken.items()
    }


def _sizes() -> str:
    """Return the sizes of what is deployed, zipped and not."""
    built, _ = build(Supervisor(LOGS))
    rows = []
    for name, folder in (
        ("all functions but one", "CheckFunction"),
        ("thumbnails", "ThumbnailFunction"),
    ):
        files = [path for path in (built.parent / folder).rglob("*") if path.is_file()]
        with TemporaryDirectory() as scratch:
            archive = Path(scratch) / "it.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                for path in files:
                    file.write(path, path.relative_to(built.parent))
            zipped = archive.stat().st_size
        size = sum(path.stat().st_size for path in files)
        rows.append((name, f"{zipped / 1e6:.1f} MB", f"{size / 1e6:.1f} MB", len(files)))
    return table(("artifact", "zipped", "unzipped", "files"), rows)
