"""What was made, spent and refused, by day and caller, and how long each kind took."""

from datetime import date
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Charged, Code
from darkroom.domain.histogram import bucket_of, quantile
from darkroom.domain.job import Job, Status

_OTHER = "other"  # models that know no quality


class Amount(BaseModel):
    """Some jobs, and what was charged for them."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    jobs: int = 0
    micro_usd: int = 0


class Day(BaseModel):
    """One caller's day, in UTC, by the jobs that ended on it."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    day: date
    caller: str
    completed: int = 0
    failed: int = 0
    spent_micro_usd: int = Field(default=0, description="As charged for jobs that ended then.")
    by_quality: dict[str, Amount] = {}
    failures: dict[Code, int] = {}


class Durations(BaseModel):
    """How long the provider took for one kind of picture."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    operation: str
    quality: str
    resolution: str
    jobs: int
    p50_seconds: float
    p95_seconds: float


class ImageKind(NamedTuple):
    """What durations depend on."""

    operation: str
    quality: str
    resolution: str

    @property
    def is_known(self) -> bool:
        """Whether its pictures are alike: what has no quality may be of any model."""
        return _OTHER not in self


class JobStats(NamedTuple):
    """What one ended job adds."""

    day: date
    caller: str
    quality: str
    micro_usd: int
    code: Code | None
    kind: ImageKind
    bucket: int | None  # of its duration; None if it has none


def kind_of(job: Job) -> ImageKind:
    """Return what kind of picture a job asks for."""
    quality = str(job.input.get("quality", _OTHER))[:20]
    resolution = str(job.input.get("resolution", _OTHER))[:20]
    return ImageKind(str(job.operation), quality, resolution)


def stats_of(job: Job) -> JobStats:
    """Return what an ended job adds; raises LookupError if it has not ended."""
    if job.is_open or job.ended_at is None:
        raise LookupError(f"the job is {job.status}: it has not ended")
    kind = kind_of(job)
    paid = job.estimated_cost_micro_usd if job.charge is Charged.YES else None
    seconds = job.took_seconds if job.status is Status.COMPLETED else None
    return JobStats(
        day=job.ended_at.date(),
        caller=job.caller,
        quality=kind.quality,
        micro_usd=paid or 0,
        code=job.code,
        kind=kind,
        bucket=None if seconds is None else bucket_of(seconds),
    )


def durations_of(kind: ImageKind, counts: dict[int, int]) -> Durations:
    """Return what a histogram says of one kind of picture."""
    return Durations(
        **kind._asdict(),
        jobs=sum(counts.values()),
        p50_seconds=round(quantile(counts, 0.5) or 0, 1),
        p95_seconds=round(quantile(counts, 0.95) or 0, 1),
    )
