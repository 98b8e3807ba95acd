"""All fakes in one object, with the app that uses them."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from darkroom.app import App
from darkroom.domain.callers import Caller
from darkroom.domain.job import Job
from darkroom.domain.parsing import parse_request
from darkroom.domain.requests import DEFAULT_DEADLINE_SECONDS
from darkroom.domain.submit_queue import RateLimit
from darkroom.settings import Settings
from darkroom.usecases.jobs.create_job import RequestSource
from tests.fakes.batches import (
    InMemoryBatches,
    InMemoryBatchFiles,
    InMemoryZipFunction,
    InMemoryZips,
)
from tests.fakes.callbacks import (
    InMemoryCallbackQueue,
    InMemoryCallbackSecrets,
    ScriptedReceivers,
)
from tests.fakes.crashes import CrashAt, CrashWrapper
from tests.fakes.entry_points import (
    InMemoryInbox,
    InMemoryKeys,
    InMemoryNotes,
    InMemoryPresets,
    InMemoryRequestCounter,
    InMemoryWaitingUploads,
)
from tests.fakes.models import InMemoryModels
from tests.fakes.prices import InMemoryPrices
from tests.fakes.provider import InMemoryDownloads, ScriptedProvider
from tests.fakes.queue import InMemoryFlags
from tests.fakes.signals import (
    InMemoryAudit,
    InMemoryAuditedSettings,
    InMemoryEvents,
    InMemoryMetrics,
    InMemoryWorkflow,
    StoppedClock,
)
from tests.fakes.stats import InMemoryStats
from tests.fakes.storage import InMemoryAssets, InMemoryContents, InMemoryJobs, InMemoryReferences
from tests.fakes.versions import InMemoryVersions

if TYPE_CHECKING:
    from darkroom.aws import AwsPorts

DEADLINE = DEFAULT_DEADLINE_SECONDS
MAX_QUEUE = 1800
TEXT_TO_IMAGE: dict[str, Any] = {"operation": "text-to-image", "prompt": "a lighthouse in fog"}
TEST_CALLER = Caller(name="tests", can_read_all=True)
# These ports never crash: their calls have no effect that a repetition could double.
_SAFE_PORTS = frozenset({
    "budgets", "claims", "flag_store", "metrics", "models", "monotonic", "now", "presets", "prices",
    "sleep", "webhook_secrets",
})  # fmt: skip


@dataclass
class World:
    """A deployment in memory."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    contents: InMemoryContents = field(default_factory=InMemoryContents)
    references: InMemoryReferences = field(default_factory=InMemoryReferences)
    assets: InMemoryAssets = field(default_factory=InMemoryAssets)
    provider: ScriptedProvider = field(default_factory=ScriptedProvider)
    downloads: InMemoryDownloads = field(default_factory=InMemoryDownloads)
    events: InMemoryEvents = field(default_factory=InMemoryEvents)
    workflow: InMemoryWorkflow = field(default_factory=InMemoryWorkflow)
    metrics: InMemoryMetrics = field(default_factory=InMemoryMetrics)
    audit: InMemoryAudit = field(default_factory=InMemoryAudit)
    audited_settings: InMemoryAuditedSettings = field(default_factory=InMemoryAuditedSettings)
    waiting: InMemoryWaitingUploads = field(default_factory=InMemoryWaitingUploads)
    presets: InMemoryPresets = field(default_factory=InMemoryPresets)
    keys: InMemoryKeys = field(init=False)
    request_counter: InMemoryRequestCounter = field(default_factory=InMemoryRequestCounter)
    callback_secrets: InMemoryCallbackSecrets = field(default_factory=InMemoryCallbackSecrets)
    callback_receivers: ScriptedReceivers = field(default_factory=ScriptedReceivers)
    callback_queue: InMemoryCallbackQueue = field(default_factory=InMemoryCallbackQueue)
    models: InMemoryModels = field(default_factory=InMemoryModels)
    prices: InMemoryPrices = field(default_factory=InMemoryPrices)
    stats: InMemoryStats = field(init=False)
    batches: InMemoryBatches = field(default_factory=InMemoryBatches)
    batch_workflow: InMemoryWorkflow = field(default_factory=InMemoryWorkflow)
    batch_files: InMemoryBatchFiles = field(init=False)
    zips: InMemoryZips = field(init=False)
    zip_function: InMemoryZipFunction = field(default_factory=InMemoryZipFunction)
    versions: InMemoryVersions = field(init=False)
    flag_store: InMemoryFlags = field(default_factory=InMemoryFlags)
    rate_limit: RateLimit = field(
        default_factory=lambda: RateLimit(images_per_minute=600, max_in_flight=1000)
    )
    stack_budget: int | None = None
    resubmits: bool = False
    unknown_prices: Literal["all", "admin", "none"] = "all"
    check_poll_seconds: float = 0  # 0: no in-function polling
    max_queue: int = MAX_QUEUE
    allowed_origin: str = ""
    requests_per_minute: int = 0
    local_callbacks: bool = False
    crash_at: CrashAt = field(default_factory=lambda: CrashAt({}))

    def __post_init__(self) -> None:
        self.inbox = InMemoryInbox(self.references)
        self.keys = InMemoryKeys(self.jobs.budgets)
        self.jobs.queue.revocations = self.keys.revoked
        self.stats = InMemoryStats(self.jobs)
        self.batch_files = InMemoryBatchFiles(self.references)
        self.zips = InMemoryZips(self.assets)
        self.versions = InMemoryVersions(self.references, self.assets)

    @property
    def app(self) -> App:
        """The app of the current settings. Waiting advances the clock."""
        return App(self.settings, cast("AwsPorts", _Ports(self)))

    @property
    def settings(self) -> Settings:
        """The settings of the deployment."""
        return Settings(
            table_name="records",
            assets_bucket=self.references.bucket,
            inbox_bucket="inbox",
            event_bus_name="bus",
            state_machine_arn="image-job",
            batch_state_machine_arn="batch",
            callback_queue="callbacks",
            callback_secret_id="callback-master",
            emulator="x86_64" if self.local_callbacks else "none",
            audit_log="audit",
            audit_bucket="",
            runtime_flags="/darkroom/switches",
            quote_function="quote",
            zip_function="zip-batch",
            provider_url="https://api.wavespeed.ai",
            provider_secret_id="key",
            asset_hosts="*.wavespeed.ai",
            duration_scale=1,
            images_per_minute=self.rate_limit.images_per_minute,
            jobs_in_flight=self.rate_limit.max_in_flight,
            daily_budget_usd=(self.stack_budget or 0) / 1_000_000,
            max_queue_seconds=self.max_queue,
            check_poll_seconds=self.check_poll_seconds,
            ambiguous_submit="resubmit" if self.resubmits else "fail",
            unknown_prices=self.unknown_prices,
            record_retention_days=90,
            allowed_origin=self.allowed_origin,
            requests_per_minute=self.requests_per_minute,
        )

    def accept_job(
        self, body: dict[str, Any] | None = None, key: str = "key", caller: Caller = TEST_CALLER
    ) -> Job:
        """Create and return a queued job."""
        request = parse_request(body or TEXT_TO_IMAGE)
        return self.app.create_job.run(request, RequestSource(caller, key, f"request-{key}"))

    def without_crashes(self) -> "World":
        """Return the same deployment with functions that do not crash."""
        world = replace(self, crash_at=CrashAt({}))
        world.batch_files, world.stats, world.keys = self.batch_files, self.stats, self.keys
        return world

    def job(self, job_id: str) -> Job:
        """Return the current record of a job."""
        return self.jobs.records[job_id]


class _Ports:
    """The ports of a world. Every call of a port with effects may crash."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        world = self._world
        port = {
            "queue": world.jobs.queue,
            "claims": world.jobs.claims,
            "inbox_notes": InMemoryNotes(world.assets),
            "budgets": world.jobs.budgets,
            "webhook_secrets": world.provider,
            "now": world.clock,
            "sleep": world.clock.sleep,
            "monotonic": lambda: world.clock().timestamp(),
        }.get(name) or getattr(world, name)
        return port if name in _SAFE_PORTS else CrashWrapper(port, world.crash_at)
