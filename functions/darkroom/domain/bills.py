"""Bills: what the provider says it took and gave back, and what a report of a day says of them.

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
    """Which way money went."""

    DEDUCT = "deduct"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the provider's bills; its amount is positive either way."""

    kind: EntryType
    prediction_id: str  # empty where the bill names none
    micro_usd: int
    at: datetime
    model: str


@dataclass(frozen=True, slots=True)
class SentJob:
    """A job of which a submit was sent, as far as money goes: small, since a day has many."""

    job_id: str
    prediction_id: str | None
    model: str
    sent_at: datetime
    estimated_micro_usd: int | None
    charge: Charged

    @classmethod
    def of(cls, job: Job) -> Self | None:
        """Return it; None if nothing was sent."""
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
    """A job, or a prediction that is no job's, and what was paid for it."""

    micro_usd: int  # what the finding is about
    job_id: str | None
    prediction_ids: tuple[str, ...]
    model: str
    estimated_micro_usd: int | None
    charged_micro_usd: int
    refunded_micro_usd: int


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class Total(_Part):
    """How many, and how much."""

    count: int
    micro_usd: int


class Findings(Total):
    """How many, how much, and those of them that are about the most."""

    worst: tuple[Finding, ...]


class Report(_Part):
    """One day of the provider's account beside the deployment's records.

    charges = matched + orphans, and matched = compared + drift + unpriced, in micro-USD.
    """

    version: Literal["1"] = "1"
    day: date = Field(description="In UTC.")
    until: datetime = Field(description="How far refunds were looked for.")
    sent_jobs: Total = Field(description="Jobs sent in the day, and the sum of their estimates.")
    charges: Total = Field(description="Made in the day.")
    refunds: Total = Field(description="Of these charges, whenever they came.")
    net_micro_usd: int = Field(description="What the day cost: charges less refunds.")
    earlier_refunds: Total = Field(description="Made in the day, of charges before it.")
    elsewhere: Total = Field(description="Movements seen beside the day that are other days'.")
    matched: Total = Field(description="Charges for a job's prediction.")
    compared: Total = Field(description="Charged jobs with an estimate, and the sum of those.")
    unpriced: Total = Field(description="Charged jobs without one, and the sum of the charges.")
    drift: Findings = Field(description="Jobs charged otherwise than estimated, and by how much.")
    orphans: Findings = Field(description="Charged predictions that belong to no job.")
    double: Findings = Field(description="What was paid more than once, and not given back.")
    uncharged: Findings = Field(description="Jobs of the day said to be charged, in no bill.")
    unrefunded: Findings = Field(
        description="Jobs said to have cost nothing, charged hours ago and not given back."
    )


class Bucket(Enum):
    """What a movement is to a day; each is in one."""

    MATCHED = auto()
    ORPHAN = auto()
    REFUND = auto()
    EARLIER = auto()
    ELSEWHERE = auto()


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return when a day begins, and when the next one does."""
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def charged(day: date, entries: Iterable[LedgerEntry]) -> dict[str, None]:
    """Return the predictions that were charged in the day, in their order."""
    start, end = bounds(day)
    return {
        each.prediction_id: None
        for each in entries
        if each.kind is EntryType.DEDUCT and start <= each.at < end
    }


def buckets(
    day: date, entries: Sequence[LedgerEntry], owners: Mapping[str, str]
) -> Iterator[tuple[Bucket, LedgerEntry]]:
    """Give each movement with its bucket; `owners` says whose job a prediction is."""
    start, end = bounds(day)
    of_day = charged(day, entries)
    for entry in entries:
        in_day = start <= entry.at < end
        bucket = Bucket.ELSEWHERE
        if entry.kind is EntryType.DEDUCT and in_day:
            bucket = Bucket.MATCHED if entry.prediction_id in owners else Bucket.ORPHAN
        elif entry.kind is EntryType.REFUND and entry.prediction_id in of_day:
            bucket = Bucket.REFUND
        elif entry.kind is EntryType.REFUND and in_day:
            bucket = Bucket.EARLIER
        yield bucket, entry
