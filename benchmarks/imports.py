"""What a cold start has to do: time and memory of each handler in a fresh process, by the floor.

The floor is what any function has to do that calls AWS: `import boto3`, and one client.
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
ROUNDS, LIMIT, API_LIMIT = 9, 1.5, 2.0
# What each handler builds when it is first called.
READY = {
    "api": "doors.api", "authorizer": "doors.authorize", "on_upload": "doors.upload_job",
    "on_request": "doors.request_job", "on_webhook": "doors.receive_webhook",
    "submit": "steps.submit_job", "check": "steps.check_job", "finalize": "steps.finalize_job",
    "fail": "steps.end_job", "on_execution_ended": "steps.end_job",
    "record_stats": "sweeps.tally_job", "sweep": "sweeps.sweep_jobs",
    "reconcile": "sweeps.reconcile_billing", "create_rows": "batches.create_rows",
    "collect_batch": "batches.collect_batch",
}  # fmt: skip
_FLOOR = "import boto3\nready()\nboto3.client('dynamodb')"
# What the Lambda runtime brings; all else comes from the artifact.
_RUNTIME = ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "jmespath", "urllib3")
_SCRIPT = """
import sys, time
sys.path[:0] = {path!r}
begun = time.process_time()
marks = []
def ready():
    marks.append(time.process_time() - begun)
{body}
whole = time.process_time() - begun
pages = int(open("/proc/self/statm").read().split()[1])
print(marks[0], whole, pages * 4096 / 1e6)
"""


def run() -> Section:
    """Return the tables; kept if every handler is imported within its limit."""
    built, _ = build(Supervisor(LOGS))
    artifact = built.parent / "CheckFunction"
    with TemporaryDirectory() as scratch:
        runtime, plain = Path(scratch) / "runtime", Path(scratch) / "plain"
        runtime.mkdir()
        for name in _RUNTIME:
            (runtime / name).symlink_to(Path(boto3.__file__).parents[1] / name)
        shutil.copytree(artifact, plain, ignore=shutil.ignore_patterns("__pycache__"))
        found = _measure([str(artifact), str(runtime)], [str(plain), str(runtime)])
    floor = found["floor"]
    rows, kept = [], True
    for name, (loaded, whole, memory) in found.items():
        times = loaded / floor[1]
        if name in READY:
            kept &= times <= (API_LIMIT if name == "api" else LIMIT)
        rows.append((
            name, f"{loaded * 1000:.0f} ms", "" if name == "floor" else f"{times:.2f}",
            f"{whole * 1000:.0f} ms", f"{whole / floor[1]:.2f}",
            f"{memory:.0f} MB", f"{memory / floor[2]:.2f}",
        ))  # fmt: skip
    head = (
        "handler",
        "imported",
        "by the floor",
        "ready",
        "by the floor",
        "memory",
        "by the floor",
    )
    body = f"""Each handler imported; and ready to work: its use case built, with the clients that it
uses. To be imported each has {LIMIT} times the floor, the API {API_LIMIT}. {"All hold it." if kept else "**Not all do.**"}
What makes it ready is done before the first event, when Lambda gives whole processors.

{table(head, rows)}

{_sizes(built.parent)}"""
    inputs = (
        f"Medians of {ROUNDS} fresh processes each, taken in turn; seconds of the processor. All is "
        "imported from the built artifact and the packages that the Lambda runtime brings, nothing "
        "else. The floor is `import boto3` and one client. No network: nothing is called."
    )
    return Section("Cold starts", inputs, body, kept)


def _measure(path: list[str], plain: list[str]) -> dict[str, tuple[float, ...]]:
    bodies = {"floor": _FLOOR} | {
        name: f"import darkroom.handlers.{name}\nready()\n"
        f"from darkroom.bootstrap import {made.split('.')[0]}\n{made}()"
        for name, made in READY.items()
    }
    runs = {name: (path, body) for name, body in bodies.items()}
    runs["submit, without compiled bytecode"] = plain, bodies["submit"]
    taken: dict[str, list[list[float]]] = defaultdict(list)
    env = VARIABLES | {"PATH": os.environ["PATH"], "INBOX_BUCKET": "inbox"}
    for _ in range(ROUNDS):
        for name, (search, body) in runs.items():
            done = subprocess.run(
                [sys.executable, "-IBSc", _SCRIPT.format(body=body, path=search)],
                env=env, check=True, capture_output=True, text=True,
            )  # fmt: skip
            taken[name].append([float(word) for word in done.stdout.split()[-3:]])
    return {
        name: tuple(statistics.median(column) for column in zip(*rounds, strict=True))
        for name, rounds in taken.items()
    }


def _sizes(built: Path) -> str:
    """Return the sizes of what is deployed, zipped and not."""
    rows = []
    for name, folder in (
        ("all functions but one", "CheckFunction"),
        ("thumbnails", "ThumbnailFunction"),
    ):
        files = [path for path in (built / folder).rglob("*") if path.is_file()]
        with TemporaryDirectory() as scratch:
            archive = Path(scratch) / "it.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                for path in files:
                    file.write(path, path.relative_to(built))
            zipped = archive.stat().st_size
        size = sum(path.stat().st_size for path in files)
        rows.append((name, f"{zipped / 1e6:.1f} MB", f"{size / 1e6:.1f} MB", len(files)))
    return table(("artifact", "zipped", "unzipped", "files"), rows)
