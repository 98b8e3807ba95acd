"""Statistics: jobs and costs by day and caller, and durations by kind of image."""

from datetime import date
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Charged, Code
from darkroom.domain.histogram import bucket_of, quantile
from darkroom.domain.job import Job, Status

_OTHER = "other"  # models without a quality or a resolution


class Amount(BaseModel):
    """A number of jobs and their cost."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    jobs: int = 0
    micro_usd: int = Field(default=0, description="Amount charged, in micro-USD.")


class Day(BaseModel):
    """The statistics of one caller for one day (UTC). A job counts on the day it ends."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    day: date
    caller: str
    completed: int = 0
    failed: int = 0
    spent_micro_usd: int = Field(default=0, description="Cost of the charged jobs, in micro-USD.")
    reused: int = Field(default=0, description="Completed jobs with the outputs of another job.")
    saved_micro_usd: int = Field(
        default=0, description="Estimated cost of the reused jobs, in micro-USD."
    )
    by_quality: dict[str, Amount] = Field(
        default={}, description="Jobs and cost by quality; `other` for models without a quality."
    )
    failures: dict[Code, int] = Field(default={}, description="Failed jobs by code.")


class Durations(BaseModel):
    """Durations at WaveSpeed for one kind of image."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    operation: str
    quality: str
    resolution: str
    jobs: int
    p50_seconds: float
    p95_seconds: float


class ImageKind(NamedTuple):
    """The properties that determine a job's duration."""

    operation: str
    quality: str
    resolution: str

    @property
    def is_known(self) -> bool:
        """Whether the durations are comparable. `other` mixes the jobs of different models."""
        return _OTHER not in self


class JobStats(NamedTuple):
    """The contribution of one ended job."""

    day: date
    caller: str
    quality: str
    micro_usd: int
    code: Code | None
    kind: ImageKind
    bucket: int | None  # of its duration; None if the duration is not known
    saved_micro_usd: int | None = None  # of a job that has the outputs of another job


def kind_of(job: Job) -> ImageKind:
    """Return the kind of image that a job requests."""
    quality = str(job.input.get("quality", _OTHER))[:20]
    resolution = str(job.input.get("resolution", _OTHER))[:20]
    return ImageKind(str(job.operation), quality, resolution)


def stats_of(job: Job) -> JobStats:
    """Return the contribution of an ended job. Raises LookupError if the job is open."""
    if job.is_open or job.ended_at is None:
        raise LookupError(f"the job is {job.status}: it has not ended")
    kind = kind_of(job)
    cost = job.estimated_cost_micro_usd if job.charge is Charged.YES else None
    seconds = job.took_seconds if job.status is Status.COMPLETED else None
    is_reused = job.status is Status.COMPLETED and job.reused_from is not None
    return JobStats(
        day=job.ended_at.date(),
        caller=job.caller,
        quality=kind.quality,
        micro_usd=cost or 0,
        code=job.code,
        kind=kind,
        saved_micro_usd=(job.estimated_cost_micro_usd or 0) if is_reused else None,
        bucket=None if seconds is None else bucket_of(seconds),
    )


def durations_of(kind: ImageKind, counts: dict[int, int]) -> Durations:
    """Return the count and percentiles of a histogram."""
    return Durations(
        **kind._asdict(),
        jobs=sum(counts.values()),
        p50_seconds=round(quantile(counts, 0.5) or 0, 1),
        p95_seconds=round(quantile(counts, 0.95) or 0, 1),
    )
