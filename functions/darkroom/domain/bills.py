"""Bills: the provider's ledger entries, and the daily report that compares them with the jobs.

All amounts are integer micro-USD.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, StrEnum, auto
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.errors import Charged
from darkroom.domain.job import Job


class EntryType(StrEnum):
    """The type of a ledger entry."""

    DEDUCT = "deduct"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An entry of the provider's billing. The amount is positive for both types."""

    kind: EntryType
    prediction_id: str  # empty if the entry has none
    micro_usd: int
    at: datetime
    model: str


@dataclass(frozen=True, slots=True)
class SentJob:
    """The billing fields of a sent job. Small, because a day has many jobs."""

    job_id: str
    prediction_id: str | None
    model: str
    sent_at: datetime
    estimated_micro_usd: int | None
    charge: Charged

    @classmethod
    def of(cls, job: Job) -> Self | None:
        """Return the billing fields of a job; None if it was not sent."""
        if job.submitting_at is None:
            return None
        return cls(
            job_id=job.job_id,
            prediction_id=job.prediction_id,
            model=job.model,
            sent_at=job.submitting_at,
            estimated_micro_usd=job.estimated_cost_micro_usd,
            charge=job.charge,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A job, or a prediction without a job, and its charges."""

    micro_usd: int  # the amount in question
    job_id: str | None
    prediction_ids: tuple[str, ...]
    model: str
    estimated_micro_usd: int | None
    charged_micro_usd: int
    refunded_micro_usd: int


class _ReportPart(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Total(_ReportPart):
    """A count and a sum in micro-USD."""

    count: int
    micro_usd: int


class Findings(Total):
    """The total of all findings, and the findings with the largest amounts."""

    worst: tuple[Finding, ...]


class Report(_ReportPart):
    """One day of the provider's ledger, compared with the deployment's records.

    In micro-USD: charges = matched + orphans, and matched = compared + drift + unpriced.
    """

    version: Literal["1"] = "1"
    day: date = Field(description="The day in UTC.")
    until: datetime = Field(description="End of the search for refunds.")
    sent_jobs: Total = Field(description="Jobs sent on the day, and the sum of their estimates.")
    charges: Total = Field(description="Charges of the day.")
    refunds: Total = Field(description="Refunds of these charges, on any day.")
    net_micro_usd: int = Field(description="Cost of the day: charges less refunds.")
    earlier_refunds: Total = Field(description="Refunds on the day of earlier charges.")
    elsewhere: Total = Field(description="Ledger entries that belong to other days.")
    matched: Total = Field(description="Charges for the prediction of a job.")
    compared: Total = Field(
        description="Charged jobs with an estimate, and the sum of the estimates."
    )
    unpriced: Total = Field(description="Charged jobs without an estimate, and their charges.")
    drift: Findings = Field(description="Charged less estimated, where they differ.")
    orphans: Findings = Field(description="Charged predictions without a job.")
    double: Findings = Field(description="Repeated charges that were not refunded.")
    uncharged: Findings = Field(description="Jobs recorded as charged, without a ledger entry.")
    unrefunded: Findings = Field(
        description="Jobs recorded as free, charged hours ago and not refunded."
    )


class Bucket(Enum):
    """The category of a ledger entry in a day's report. Each entry has exactly one."""

    MATCHED = auto()
    ORPHAN = auto()
    REFUND = auto()
    EARLIER = auto()
    ELSEWHERE = auto()


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the start of a day and of the next day, in UTC."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def charged(day: date, entries: Iterable[LedgerEntry]) -> dict[str, None]:
    """Return the ids of the predictions charged on the day, in order, without duplicates."""
    start, end = bounds(day)
    return {
        entry.prediction_id: None
        for entry in entries
        if entry.kind is EntryType.DEDUCT and start <= entry.at < end
    }


def buckets(
    day: date, entries: Sequence[LedgerEntry], owners: Mapping[str, str]
) -> Iterator[tuple[Bucket, LedgerEntry]]:
    """Yield each ledger entry with its bucket. `owners` maps prediction ids to job ids."""
    start, end = bounds(day)
    charged_ids = charged(day, entries)
    for entry in entries:
        in_day = start <= entry.at < end
        bucket = Bucket.ELSEWHERE
        if entry.kind is EntryType.DEDUCT and in_day:
            bucket = Bucket.MATCHED if entry.prediction_id in owners else Bucket.ORPHAN
        elif entry.kind is EntryType.REFUND and entry.prediction_id in charged_ids:
            bucket = Bucket.REFUND
        elif entry.kind is EntryType.REFUND and in_day:
            bucket = Bucket.EARLIER
        yield bucket, entry
