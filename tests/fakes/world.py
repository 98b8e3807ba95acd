"""All fakes in one place, and the use cases over them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from darkroom.domain.callers import Caller
from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.usecases.authorize import Authorize
from darkroom.usecases.budget import Budget
from darkroom.usecases.cancel_job import CancelJob
from darkroom.usecases.check_job import CheckJob
from darkroom.usecases.create_job import CreateJob, Origin
from darkroom.usecases.end_job import EndJob
from darkroom.usecases.finalize_job import FinalizeJob
from darkroom.usecases.find_jobs import FindJobs
from darkroom.usecases.make_upload import MakeUpload
from darkroom.usecases.request_job import RequestJob
from darkroom.usecases.restart_jobs import RestartJobs
from darkroom.usecases.submit_job import SubmitJob
from darkroom.usecases.upload_job import UploadJob
from darkroom.web.api import Api
from darkroom.web.parts import Parts
from tests.fakes.crashes import Fuse, Fused
from tests.fakes.doors import InMemoryInbox, InMemoryKeys, InMemoryPresets, InMemoryUploads
from tests.fakes.provider import InMemoryDownloads, ScriptedProvider
from tests.fakes.signals import InMemoryEvents, InMemoryMetrics, InMemoryWorkflow, StoppedClock
from tests.fakes.storage import InMemoryAssets, InMemoryJobs, InMemoryReferences

DEADLINE = 900
MAX_QUEUE = 1800
TEXT_TO_IMAGE: dict[str, Any] = {"operation": "text-to-image", "prompt": "a lighthouse in fog"}
TESTS = Caller(name="tests", sees_all=True)


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
    presets: InMemoryPresets = field(default_factory=InMemoryPresets)
    uploads: InMemoryUploads = field(default_factory=InMemoryUploads)
    keys: InMemoryKeys = field(default_factory=InMemoryKeys)
    fuse: Fuse = field(default_factory=lambda: Fuse({}))

    def __post_init__(self) -> None:
        self.inbox = InMemoryInbox(self.references)

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

    def upload_job(self) -> UploadJob:
        return UploadJob(
            create_job=self.create_job(),
            inbox=self._fused(self.inbox),
            presets=self.presets,
            assets=self._fused(self.assets),
            events=self._fused(self.events),
            metrics=self.metrics,
            now=self.clock,
            max_deadline=3600,
        )

    def restart_jobs(self) -> RestartJobs:
        return RestartJobs(
            lists=self.jobs,
            workflow=self._fused(self.workflow),
            metrics=self.metrics,
            now=self.clock,
        )

    def authorize(self) -> Authorize:
        return Authorize(keys=self._fused(self.keys), now=self.clock)

    def find_jobs(self) -> FindJobs:
        """Waiting moves the clock."""
        return FindJobs(
            jobs=self._fused(self.jobs),
            lists=self.jobs,
            sleep=self.clock.advance,
            monotonic=lambda: self.clock().timestamp(),
        )

    def cancel_job(self) -> CancelJob:
        return CancelJob(
            find=self.find_jobs(),
            jobs=self._fused(self.jobs),
            end=self.end_job(),
            now=self.clock,
        )

    def make_upload(self) -> MakeUpload:
        return MakeUpload(uploads=self.uploads, now=self.clock)

    def budget(self) -> Budget:
        return Budget(lists=self.jobs, now=self.clock)

    def api(self, allowed_origin: str = "") -> Api:
        return Api(
            Parts(
                create_job=self.create_job(),
                find=self.find_jobs(),
                cancel=self.cancel_job(),
                make_upload=self.make_upload(),
                presets=self.presets,
                references=self.references,
                budget=self.budget(),
                now=self.clock,
                max_deadline=3600,
                duration_scale=1.0,
                allowed_origin=allowed_origin,
            )
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

    def accepted(
        self, body: dict[str, Any] | None = None, key: str = "key", caller: Caller = TESTS
    ) -> Job:
        """A new job, queued."""
        request = parse_request(body or TEXT_TO_IMAGE, max_deadline_seconds=3600)
        return self.create_job()(request, Origin(caller, key, f"request-{key}"))

    def job(self, job_id: str) -> Job:
        """The record as it is now."""
        return self.jobs.records[job_id]

    def _fused[T](self, port: T) -> T:
        return cast("T", Fused(port, self.fuse))
