"""All fakes in one place, and the use cases over them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.usecases.check_job import CheckJob
from darkroom.usecases.create_job import CreateJob
from darkroom.usecases.end_job import EndJob
from darkroom.usecases.finalize_job import FinalizeJob
from darkroom.usecases.request_job import RequestJob
from darkroom.usecases.submit_job import SubmitJob
from tests.fakes.crashes import Fuse, Fused
from tests.fakes.provider import InMemoryDownloads, ScriptedProvider
from tests.fakes.signals import InMemoryEvents, InMemoryMetrics, InMemoryWorkflow, StoppedClock
from tests.fakes.storage import InMemoryAssets, InMemoryJobs, InMemoryReferences

DEADLINE = 900
MAX_QUEUE = 1800
TEXT_TO_IMAGE: dict[str, Any] = {"operation": "text-to-image", "prompt": "a lighthouse in fog"}


@dataclass
class World:
    """A deployment in memory."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    references: InMemoryReferences = field(default_factory=InMemoryReferences)
    assets: InMemoryAssets = field(default_factory=InMemoryAssets)
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    downloads: InMemoryDownloads = field(default_factory=InMemoryDownloads)
    events: InMemoryEvents = field(default_factory=InMemoryEvents)
    workflow: InMemoryWorkflow = field(default_factory=InMemoryWorkflow)
    metrics: InMemoryMetrics = field(default_factory=InMemoryMetrics)
    fuse: Fuse = field(default_factory=lambda: Fuse({}))

    def create_job(self) -> CreateJob:
        return CreateJob(
            jobs=self._fused(self.jobs),
            references=self._fused(self.references),
            workflow=self._fused(self.workflow),
            metrics=self.metrics,
            now=self.clock,
            default_deadline=DEADLINE,
            retention=timedelta(days=90),
        )

    def request_job(self) -> RequestJob:
        return RequestJob(
            create_job=self.create_job(),
            events=self._fused(self.events),
            metrics=self.metrics,
            max_deadline=3600,
        )

    def submit_job(self) -> SubmitJob:
        return SubmitJob(
            jobs=self._fused(self.jobs),
            references=self._fused(self.references),
            provider=self._fused(self.provider),
            events=self._fused(self.events),
            now=self.clock,
            max_queue=timedelta(seconds=MAX_QUEUE),
            duration_scale=1.0,
        )

    def check_job(self) -> CheckJob:
        return CheckJob(
            jobs=self._fused(self.jobs),
            provider=self._fused(self.provider),
            metrics=self.metrics,
            now=self.clock,
            duration_scale=1.0,
        )

    def finalize_job(self) -> FinalizeJob:
        return FinalizeJob(
            jobs=self._fused(self.jobs),
            provider=self._fused(self.provider),
            downloads=self._fused(self.downloads),
            assets=self._fused(self.assets),
            end=self.end_job(),
        )

    def end_job(self) -> EndJob:
        return EndJob(
            jobs=self._fused(self.jobs),
            events=self._fused(self.events),
            metrics=self.metrics,
            now=self.clock,
            assets_bucket=self.assets.bucket,
        )

    def accepted(self, body: dict[str, Any] | None = None, key: str = "key") -> Job:
        """A new job, queued."""
        request = parse_request(body or TEXT_TO_IMAGE, max_deadline_seconds=3600)
        return self.create_job()(request, caller="tests", key=key, request_id=f"request-{key}")

    def job(self, job_id: str) -> Job:
        """The record as it is now."""
        return self.jobs.records[job_id]

    def _fused[T](self, port: T) -> T:
        return cast("T", Fused(port, self.fuse))
