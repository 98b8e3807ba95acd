"""All fakes in one object, and factories for the use cases on them."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from darkroom.api.dependencies import Dependencies
from darkroom.api.resolver import Api
from darkroom.domain.callers import Caller
from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.domain.submit_queue import RateLimit
from darkroom.usecases.authorize import Authorize
from darkroom.usecases.batches.collect_batch import CollectBatch
from darkroom.usecases.batches.create_rows import CreateRows
from darkroom.usecases.batches.end_batch import EndBatch
from darkroom.usecases.batches.find_batches import FindBatches
from darkroom.usecases.batches.plan_batch import PlanBatch
from darkroom.usecases.batches.start_batch import StartBatch
from darkroom.usecases.jobs.acquire_slot import AcquireSlot
from darkroom.usecases.jobs.budget import Budget
from darkroom.usecases.jobs.cancel_job import CancelJob
from darkroom.usecases.jobs.check_job import CheckJob
from darkroom.usecases.jobs.circuit_breaker import CircuitBreaker
from darkroom.usecases.jobs.create_job import CreateJob, RequestSource
from darkroom.usecases.jobs.end_job import EndJob
from darkroom.usecases.jobs.expect_duration import ExpectDuration
from darkroom.usecases.jobs.finalize_job import FinalizeJob
from darkroom.usecases.jobs.find_jobs import FindJobs
from darkroom.usecases.jobs.find_prediction import FindPrediction
from darkroom.usecases.jobs.make_upload import MakeUpload
from darkroom.usecases.jobs.receive_webhook import ReceiveWebhook
from darkroom.usecases.jobs.recover_job import RecoverJob
from darkroom.usecases.jobs.request_job import RequestJob
from darkroom.usecases.jobs.store_outputs import StoreOutputs
from darkroom.usecases.jobs.submit_job import SubmitJob
from darkroom.usecases.jobs.upload_job import UploadJob
from darkroom.usecases.maintenance.read_stats import ReadStats
from darkroom.usecases.maintenance.record_stats import RecordStats
from darkroom.usecases.maintenance.sweep_batches import SweepBatches
from darkroom.usecases.maintenance.sweep_jobs import SweepJobs
from tests.fakes.batches import InMemoryBatches, InMemoryBatchFiles, InMemoryBatchWorkflow
from tests.fakes.crashes import CrashAt, CrashWrapper
from tests.fakes.entry_points import InMemoryInbox, InMemoryKeys, InMemoryPresets, InMemoryUploads
from tests.fakes.prices import InMemoryPrices
from tests.fakes.provider import InMemoryDownloads, ScriptedProvider
from tests.fakes.queue import InMemoryFlags
from tests.fakes.signals import InMemoryEvents, InMemoryMetrics, InMemoryWorkflow, StoppedClock
from tests.fakes.stats import InMemoryStats
from tests.fakes.storage import InMemoryAssets, InMemoryJobs, InMemoryReferences

DEADLINE = 900
MAX_QUEUE = 1800
TEXT_TO_IMAGE: dict[str, Any] = {"operation": "text-to-image", "prompt": "a lighthouse in fog"}
TEST_CALLER = Caller(name="tests", can_read_all=True)


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
    prices: InMemoryPrices = field(default_factory=InMemoryPrices)
    stats: InMemoryStats = field(init=False)
    batches: InMemoryBatches = field(default_factory=InMemoryBatches)
    batch_workflow: InMemoryBatchWorkflow = field(default_factory=InMemoryBatchWorkflow)
    batch_files: InMemoryBatchFiles = field(init=False)
    flag_store: InMemoryFlags = field(default_factory=InMemoryFlags)
    rate_limit: RateLimit = field(
        default_factory=lambda: RateLimit(images_per_minute=600, max_in_flight=1000)
    )
    stack_budget: int | None = None
    resubmits: bool = False
    check_poll_seconds: float = 0  # 0: no in-function polling
    max_queue: int = MAX_QUEUE
    crash_at: CrashAt = field(default_factory=lambda: CrashAt({}))

    def __post_init__(self) -> None:
        self.inbox = InMemoryInbox(self.references)
        self.stats = InMemoryStats(self.jobs)
        self.batch_files = InMemoryBatchFiles(self.references)

    def create_job(self) -> CreateJob:
        return CreateJob(
            jobs=self._crashing(self.jobs),
            references=self._crashing(self.references),
            workflow=self._crashing(self.workflow),
            prices=self.prices,
            budget=self.budget(),
            metrics=self.metrics,
            now=self.clock,
            default_deadline=DEADLINE,
            retention=timedelta(days=90),
        )

    def request_job(self) -> RequestJob:
        return RequestJob(
            create_job=self.create_job(),
            events=self._crashing(self.events),
            metrics=self.metrics,
            max_deadline=3600,
        )

    def upload_job(self) -> UploadJob:
        return UploadJob(
            create_job=self.create_job(),
            inbox=self._crashing(self.inbox),
            presets=self.presets,
            assets=self._crashing(self.assets),
            events=self._crashing(self.events),
            metrics=self.metrics,
            now=self.clock,
            max_deadline=3600,
        )

    def sweep_jobs(self) -> SweepJobs:
        return SweepJobs(
            jobs=self._crashing(self.jobs),
            lists=self.jobs,
            queue=self.jobs.queue,
            workflow=self._crashing(self.workflow),
            end=self.end_job(),
            recover=self.recover_job(),
            metrics=self.metrics,
            now=self.clock,
        )

    def recover_job(self) -> RecoverJob:
        return RecoverJob(
            jobs=self._crashing(self.jobs),
            find=self.find_prediction(),
            provider=self._crashing(self.provider),
            store_outputs=self.store_outputs(),
            events=self._crashing(self.events),
            metrics=self.metrics,
            now=self.clock,
            assets_bucket=self.references.bucket,
        )

    def receive_webhook(self) -> ReceiveWebhook:
        return ReceiveWebhook(
            jobs=self._crashing(self.jobs),
            workflow=self._crashing(self.workflow),
            secrets=self.provider,
            metrics=self.metrics,
            now=self.clock,
        )

    def authorize(self) -> Authorize:
        return Authorize(keys=self._crashing(self.keys), now=self.clock)

    def find_jobs(self) -> FindJobs:
        """Waiting advances the clock."""
        return FindJobs(
            jobs=self._crashing(self.jobs),
            lists=self.jobs,
            sleep=self.clock.advance,
            monotonic=lambda: self.clock().timestamp(),
        )

    def cancel_job(self) -> CancelJob:
        return CancelJob(
            find=self.find_jobs(),
            jobs=self._crashing(self.jobs),
            end=self.end_job(),
            now=self.clock,
        )

    def make_upload(self) -> MakeUpload:
        return MakeUpload(uploads=self.uploads, now=self.clock)

    def budget(self) -> Budget:
        return Budget(
            jobs=self._crashing(self.jobs),
            budgets=self.jobs.budgets,
            events=self._crashing(self.events),
            metrics=self.metrics,
            now=self.clock,
            stack_micro_usd=self.stack_budget,
        )

    def api(self, allowed_origin: str = "") -> Api:
        return Api(
            Dependencies(
                create_job=self.create_job(),
                find=self.find_jobs(),
                cancel=self.cancel_job(),
                make_upload=self.make_upload(),
                start_batch=self.start_batch(),
                batches=self.find_batches(),
                batch_files=self.batch_files,
                read_stats=self.read_stats(),
                presets=self.presets,
                references=self.references,
                prices=self.prices,
                budget=self.budget(),
                now=self.clock,
                max_deadline=3600,
                duration_scale=1.0,
                allowed_origin=allowed_origin,
                assets_bucket=self.references.bucket,
            )
        )

    def submit_job(self) -> SubmitJob:
        return SubmitJob(
            jobs=self._crashing(self.jobs),
            references=self._crashing(self.references),
            provider=self._crashing(self.provider),
            acquire=self.acquire_slot(),
            find=self.find_prediction(),
            flag_store=self.flag_store,
            events=self._crashing(self.events),
            metrics=self.metrics,
            now=self.clock,
            max_queue=timedelta(seconds=self.max_queue),
            duration_scale=1.0,
            resubmits=self.resubmits,
        )

    def acquire_slot(self) -> AcquireSlot:
        """Sleeping advances the clock."""
        return AcquireSlot(
            jobs=self._crashing(self.jobs),
            queue=self._crashing(self.jobs.queue),
            metrics=self.metrics,
            now=self.clock,
            sleep=self.clock.sleep,
            breaker=self.circuit_breaker(),
            rate_limit=self.rate_limit,
            expect=ExpectDuration(self.stats, self.clock, 1.0),
        )

    def circuit_breaker(self) -> CircuitBreaker:
        return CircuitBreaker(
            queue=self._crashing(self.jobs.queue),
            metrics=self.metrics,
            now=self.clock,
            breaker_seconds=30,
        )

    def find_prediction(self) -> FindPrediction:
        return FindPrediction(
            jobs=self._crashing(self.jobs),
            claims=self.jobs.claims,
            provider=self._crashing(self.provider),
            now=self.clock,
        )

    def check_job(self) -> CheckJob:
        return CheckJob(
            jobs=self._crashing(self.jobs),
            provider=self._crashing(self.provider),
            breaker=self.circuit_breaker(),
            metrics=self.metrics,
            now=self.clock,
            sleep=self.clock.sleep,
            duration_scale=1.0,
            check_poll_seconds=self.check_poll_seconds,
        )

    def finalize_job(self) -> FinalizeJob:
        return FinalizeJob(
            jobs=self._crashing(self.jobs),
            provider=self._crashing(self.provider),
            store_outputs=self.store_outputs(),
            metrics=self.metrics,
            end=self.end_job(),
        )

    def store_outputs(self) -> StoreOutputs:
        return StoreOutputs(
            jobs=self._crashing(self.jobs),
            downloads=self._crashing(self.downloads),
            assets=self._crashing(self.assets),
        )

    def end_job(self) -> EndJob:
        return EndJob(
            jobs=self._crashing(self.jobs),
            queue=self._crashing(self.jobs.queue),
            events=self._crashing(self.events),
            metrics=self.metrics,
            now=self.clock,
            assets_bucket=self.references.bucket,
        )

    def start_batch(self) -> StartBatch:
        files = self._crashing(self.batch_files)
        return StartBatch(
            plan=PlanBatch(
                references=self.references, files=files, prices=self.prices, max_deadline=3600
            ),
            batches=self._crashing(self.batches),
            files=files,
            workflow=self._crashing(self.batch_workflow),
            metrics=self.metrics,
            now=self.clock,
            retention=timedelta(days=90),
        )

    def record_stats(self) -> RecordStats:
        return RecordStats(jobs=self._crashing(self.jobs), stats=self._crashing(self.stats))

    def read_stats(self) -> ReadStats:
        return ReadStats(stats=self.stats, queue=self.jobs.queue, now=self.clock)

    def create_rows(self) -> CreateRows:
        return CreateRows(
            batches=self._crashing(self.batches),
            files=self.batch_files,
            queue=self.jobs.queue,
            create_job=self.create_job(),
            max_deadline=3600,
            max_queue=self.max_queue,
        )

    def collect_batch(self) -> CollectBatch:
        return CollectBatch(
            batches=self._crashing(self.batches),
            files=self._crashing(self.batch_files),
            jobs=self._crashing(self.jobs),
            cancel=self.cancel_job(),
            end=self.end_batch(),
            now=self.clock,
        )

    def end_batch(self) -> EndBatch:
        return EndBatch(
            batches=self._crashing(self.batches),
            files=self.batch_files,
            events=self._crashing(self.events),
            metrics=self.metrics,
            now=self.clock,
        )

    def find_batches(self) -> FindBatches:
        """Waiting advances the clock."""
        return FindBatches(
            batches=self._crashing(self.batches),
            now=self.clock,
            sleep=self.clock.advance,
            monotonic=lambda: self.clock().timestamp(),
        )

    def sweep_batches(self) -> SweepBatches:
        return SweepBatches(
            batches=self._crashing(self.batches),
            workflow=self._crashing(self.batch_workflow),
            end=self.end_batch(),
            metrics=self.metrics,
            now=self.clock,
        )

    def accept_job(
        self, body: dict[str, Any] | None = None, key: str = "key", caller: Caller = TEST_CALLER
    ) -> Job:
        """Create and return a queued job."""
        request = parse_request(body or TEXT_TO_IMAGE, max_deadline_seconds=3600)
        return self.create_job()(request, RequestSource(caller, key, f"request-{key}"))

    def without_crashes(self) -> "World":
        """Return the same deployment with functions that do not crash."""
        world = replace(self, crash_at=CrashAt({}))
        world.batch_files, world.stats = self.batch_files, self.stats
        return world

    def job(self, job_id: str) -> Job:
        """Return the current record of a job."""
        return self.jobs.records[job_id]

    def _crashing[T](self, port: T) -> T:
        return cast("T", CrashWrapper(port, self.crash_at))
