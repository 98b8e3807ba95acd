"""Reconciliation: whose each charge of a day is, and where bills and records do not agree.

A day's charges are those made in it, with their refunds, whenever those came.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from darkroom.domain.bills import (
    Bucket,
    EntryType,
    Finding,
    Findings,
    LedgerEntry,
    Report,
    SentJob,
    Total,
    bounds,
    buckets,
)
from darkroom.domain.errors import Charged

# The provider gives back within about three hours: what is twice as old does not come by itself.
REFUNDED_AFTER = timedelta(hours=6)
# A report is for people: it shows those about the most money, and counts them all.
SHOWN = 100
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Account:
    """What was paid for a job, or for a prediction that is no job's."""

    sent_job: SentJob | None = None
    job_id: str | None = None
    prediction_ids: dict[str, None] = field(default_factory=dict)
    model: str = ""
    of_day: int = 0
    charges: list[int] = field(default_factory=list)
    charged_at: datetime = _LONG_AGO
    refunded: int = 0

    @property
    def paid(self) -> int:
        return sum(self.charges) - self.refunded

    @property
    def estimate(self) -> int | None:
        return None if self.sent_job is None else self.sent_job.estimated_micro_usd

    def add(self, bucket: Bucket, entry: LedgerEntry) -> None:
        self.model = entry.model
        if entry.prediction_id:
            self.prediction_ids[entry.prediction_id] = None
        if entry.kind is EntryType.REFUND:
            self.refunded += entry.micro_usd
            return
        self.charges.append(entry.micro_usd)
        self.charged_at = max(self.charged_at, entry.at)
        if bucket in (Bucket.MATCHED, Bucket.ORPHAN):
            self.of_day += entry.micro_usd

    def finding(self, micro_usd: int) -> Finding:
        return Finding(
            micro_usd=micro_usd,
            job_id=self.job_id,
            prediction_ids=tuple(self.prediction_ids),
            model=self.model,
            estimated_micro_usd=self.estimate,
            charged_micro_usd=sum(self.charges),
            refunded_micro_usd=self.refunded,
        )


class _Day:
    """The accounts of a day's charges, and what is found in them."""

    def __init__(
        self,
        day: date,
        sent_jobs: Iterable[SentJob],
        entries: Sequence[LedgerEntry],
        owners: Mapping[str, str],
    ) -> None:
        jobs = {sent_job.job_id: sent_job for sent_job in sent_jobs}
        accounts: dict[tuple[str | None, str], _Account] = {}
        of_day = set()
        self.sums: dict[Bucket, list[int]] = {bucket: [] for bucket in Bucket}
        for bucket, entry in buckets(day, entries, owners):
            self.sums[bucket].append(entry.micro_usd)
            job_id = owners.get(entry.prediction_id)
            name = (job_id, "" if job_id else entry.prediction_id)
            if name not in accounts:
                accounts[name] = _Account(jobs.get(job_id or ""), job_id)
            accounts[name].add(bucket, entry)
            if bucket in (Bucket.MATCHED, Bucket.ORPHAN):
                of_day.add(name)
        start, end = bounds(day)
        self.sent = [sent_job for sent_job in jobs.values() if start <= sent_job.sent_at < end]
        self.owned = [account for name, account in accounts.items() if name in of_day and name[0]]
        self.orphans = [a for name, a in accounts.items() if name in of_day and not name[0]]
        paid_for = {job_id for (job_id, _), account in accounts.items() if account.charges}
        self._unpaid = [sent_job for sent_job in self.sent if sent_job.job_id not in paid_for]

    def drift(self) -> Iterator[Finding]:
        for account in self.owned:
            if account.estimate is not None and account.of_day != account.estimate:
                yield account.finding(account.of_day - account.estimate)

    def double(self) -> Iterator[Finding]:
        for account in [*self.owned, *self.orphans]:
            # Lines that name no prediction are not known to be for the same thing.
            more = account.paid - max(account.charges)
            if more > 0 and account.prediction_ids:
                yield account.finding(more)

    def uncharged(self) -> Iterator[Finding]:
        for sent_job in self._unpaid:
            if sent_job.charge is Charged.YES:
                ids = {sent_job.prediction_id: None} if sent_job.prediction_id else {}
                account = _Account(sent_job, sent_job.job_id, ids, sent_job.model)
                yield account.finding(account.estimate or 0)

    def unrefunded(self, until: datetime) -> Iterator[Finding]:
        for account in self.owned:
            told_free = account.sent_job is not None and account.sent_job.charge is Charged.NO
            is_due = account.charged_at + REFUNDED_AFTER <= until
            if told_free and is_due and account.paid > 0:
                yield account.finding(account.paid)


def reconcile(
    day: date,
    until: datetime,
    sent_jobs: Iterable[SentJob],
    entries: Sequence[LedgerEntry],
    owners: Mapping[str, str],
) -> Report:
    """Return the report of a day; `owners` says whose job a prediction is, of all that are known.

    `intents` and `movements` may reach beyond the day, as a job sent at midnight does.
    """
    found = _Day(day, sent_jobs, entries, owners)
    totals = {bucket: _total(amounts) for bucket, amounts in found.sums.items()}
    charges = _total(found.sums[Bucket.MATCHED] + found.sums[Bucket.ORPHAN])
    estimates = [account.estimate for account in found.owned]
    return Report(
        day=day,
        until=until,
        sent_jobs=_total(sent_job.estimated_micro_usd or 0 for sent_job in found.sent),
        charges=charges,
        refunds=totals[Bucket.REFUND],
        net_micro_usd=charges.micro_usd - totals[Bucket.REFUND].micro_usd,
        earlier_refunds=totals[Bucket.EARLIER],
        elsewhere=totals[Bucket.ELSEWHERE],
        matched=totals[Bucket.MATCHED],
        compared=_total(estimate for estimate in estimates if estimate is not None),
        unpriced=_total(a.of_day for a in found.owned if a.estimate is None),
        drift=_findings(found.drift()),
        orphans=_findings(account.finding(account.of_day) for account in found.orphans),
        double=_findings(found.double()),
        uncharged=_findings(found.uncharged()),
        unrefunded=_findings(found.unrefunded(until)),
    )


def _total(amounts: Iterable[int]) -> Total:
    each = list(amounts)
    return Total(count=len(each), micro_usd=sum(each))


def _findings(found: Iterable[Finding]) -> Findings:
    every = list(found)
    worst = heapq.nlargest(
        SHOWN, every, key=lambda each: (abs(each.micro_usd), each.job_id or "", each.prediction_ids)
    )
    total = _total(each.micro_usd for each in every)
    return Findings(count=total.count, micro_usd=total.micro_usd, worst=tuple(worst))
