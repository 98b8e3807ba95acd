"""Script that finalizes jobs and prints the seconds of each and the process's peak memory in MB.

`bytes` runs it in a new process for each measurement, because a peak never decreases.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config

from darkroom.adapters.cdn import Cdn
from darkroom.adapters.s3.assets import AssetBucket
from darkroom.app import App
from darkroom.domain.events import Event
from darkroom.domain.job import Job, Status
from darkroom.domain.requests import TEXT_TO_IMAGE_MODEL, Operation
from darkroom.domain.steps import Outcome, Step
from darkroom.domain.submit_queue import QueueShard
from darkroom.ports import Conflict, Prediction, SideWrite, Succeeded
from darkroom.usecases.jobs.finalize_job import FinalizeJob

_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_JOB = Job(
    job_id="bench",
    caller="bench",
    request_id="bench",
    idempotency_key="k",
    fingerprint="",
    operation=Operation.TEXT_TO_IMAGE,
    model=TEXT_TO_IMAGE_MODEL,
    input={},
    prefix="jobs/bench",
    deadline_seconds=900,
    estimated_cost_micro_usd=None,
    status=Status.SUBMITTED,
    prediction_id="bench",
    accepted_at=_NOW,
    expires_at=0,
)


class _FakePorts:
    """The ports that copy no bytes: jobs, provider, events, metrics."""

    def __init__(self, url: str, outputs: int) -> None:
        self._outputs = (url,) * outputs
        self.job = _JOB

    def get(self, _: str) -> Job | None:
        return self.job

    def update(
        self, job_id: str, *, when: Sequence[Status], absent: str | None = None, **changes: object
    ) -> Job | None:
        job = self.transact(job_id, (), when=when, absent=absent, **changes)
        return job if isinstance(job, Job) else None

    def transact(
        self,
        job_id: str,
        side_writes: Sequence[SideWrite],
        *,
        when: Sequence[Status],
        absent: str | None = None,
        **changes: object,
    ) -> Job | Conflict:
        del side_writes, absent
        if job_id != self.job.job_id or self.job.status not in when:
            return Conflict.JOB
        self.job = self.job.model_copy(update=changes)
        return self.job

    def read(self) -> QueueShard:
        return QueueShard()

    def check(self, _: str) -> Prediction:
        return Succeeded(self._outputs)

    def publish(self, event: Event) -> None:
        pass

    def count(self, name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
        pass


def main(size: int, outputs: int, runs: int, cdn: str, s3: str) -> None:
    """Finalize `runs` jobs with `outputs` assets of `size` bytes, and print the measurement."""
    client = boto3.client(
        "s3",
        endpoint_url=s3,
        region_name="us-east-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",  # noqa: S106
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    downloads, assets = Cdn(["127.0.0.1"]), AssetBucket(client, "assets")
    seconds = []
    for _ in range(runs):
        ports = _FakePorts(f"{cdn}/{size}.png", outputs)
        finalize = _use_case(ports, downloads, assets)
        started_at = time.perf_counter()
        step = finalize.run(Step(job_id="bench"))
        seconds.append(time.perf_counter() - started_at)
        stored = [asset.size for asset in ports.job.assets]
        if step.outcome is not Outcome.STORED or stored != [size] * outputs:
            sys.exit(f"the asset was not stored: {step}")
    print(json.dumps({"peak": _peak(), "seconds": seconds}))


def _use_case(ports: Any, downloads: Cdn, assets: AssetBucket) -> FinalizeJob:
    all_ports: Any = SimpleNamespace(
        jobs=ports, provider=ports, queue=ports, events=ports, metrics=ports, downloads=downloads,
        assets=assets, now=lambda: _NOW,
    )  # fmt: skip
    settings: Any = SimpleNamespace(assets_bucket="assets", duration_scale=1.0)
    return App(settings, all_ports).finalize_job


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _size, _outputs, _runs = map(int, sys.argv[1:4])
    main(_size, _outputs, _runs, sys.argv[4], sys.argv[5])
