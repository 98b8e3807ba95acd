"""The dependencies of the routes."""

from dataclasses import dataclass

from darkroom.ports import BatchFiles, Clock, PresetStore, Prices, References
from darkroom.usecases.batches.find_batches import FindBatches
from darkroom.usecases.batches.start_batch import StartBatch
from darkroom.usecases.jobs.budget import Budget
from darkroom.usecases.jobs.cancel_job import CancelJob
from darkroom.usecases.jobs.create_job import CreateJob
from darkroom.usecases.jobs.find_jobs import FindJobs
from darkroom.usecases.jobs.make_upload import MakeUpload
from darkroom.usecases.maintenance.read_stats import ReadStats


@dataclass(frozen=True)
class Dependencies:
    """The use cases, ports and settings that the routes use."""

    create_job: CreateJob
    find: FindJobs
    cancel: CancelJob
    make_upload: MakeUpload
    start_batch: StartBatch
    batches: FindBatches
    batch_files: BatchFiles
    read_stats: ReadStats
    presets: PresetStore
    references: References
    prices: Prices
    budget: Budget
    now: Clock
    max_deadline: int
    duration_scale: float
    allowed_origin: str
    assets_bucket: str
