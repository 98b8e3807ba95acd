"""Reconciliation: assign a day's charges to jobs, and find where ledger and records differ.

A charge belongs to the day on which it was made. A refund belongs to the day of its charge.
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

# The provider refunds within about three hours. A charge twice as old will not be refunded.
REFUNDED_AFTER = timedelta(hours=6)
# The report lists the findings with the largest amounts, and counts all of them.
SHOWN = 100
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Account:
    """The charges and refunds of a job, or of a prediction without a job."""

    sent_job: SentJob | None = None
    job_id: str | None = None
    prediction_ids: dict[str, None] = field(default_factory=dict)
    model: str = ""
    charged_on_day: int = 0
    charges: list[int] = field(default_factory=list)
    charged_at: datetime = _NEVER
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
            self.charged_on_day += entry.micro_usd

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
    """The accounts of a day's charges, and their findings."""

    def __init__(
        self,
        day: date,
        sent_jobs: Iterable[SentJob],
        entries: Sequence[LedgerEntry],
        owners: Mapping[str, str],
    ) -> None:
        jobs = {sent_job.job_id: sent_job for sent_job in sent_jobs}
        accounts: dict[tuple[str | None, str], _Account] = {}
        charged_keys = set()
        self.sums: dict[Bucket, list[int]] = {bucket: [] for bucket in Bucket}
        for bucket, entry in buckets(day, entries, owners):
            self.sums[bucket].append(entry.micro_usd)
            job_id = owners.get(entry.prediction_id)
            key = (job_id, "" if job_id else entry.prediction_id)
            if key not in accounts:
                accounts[key] = _Account(jobs.get(job_id or ""), job_id)
            accounts[key].add(bucket, entry)
            if bucket in (Bucket.MATCHED, Bucket.ORPHAN):
                charged_keys.add(key)
        start, end = bounds(day)
        self.sent = [sent_job for sent_job in jobs.values() if start <= sent_job.sent_at < end]
        charged = [account for key, account in accounts.items() if key in charged_keys]
        self.owned = [account for account in charged if account.job_id]
        self.orphans = [account for account in charged if not account.job_id]
        charged_jobs = {account.job_id for account in accounts.values() if account.charges}
        self._uncharged = [job for job in self.sent if job.job_id not in charged_jobs]

    def drift(self) -> Iterator[Finding]:
        for account in self.owned:
            if account.estimate is not None and account.charged_on_day != account.estimate:
                yield account.finding(account.charged_on_day - account.estimate)

    def double(self) -> Iterator[Finding]:
        for account in [*self.owned, *self.orphans]:
            # Entries without a prediction id may be for different predictions.
            excess = account.paid - max(account.charges)
            if excess > 0 and account.prediction_ids:
                yield account.finding(excess)

    def uncharged(self) -> Iterator[Finding]:
        for sent_job in self._uncharged:
            if sent_job.charge is Charged.YES:
                ids = {sent_job.prediction_id: None} if sent_job.prediction_id else {}
                account = _Account(sent_job, sent_job.job_id, ids, sent_job.model)
                yield account.finding(account.estimate or 0)

    def unrefunded(self, until: datetime) -> Iterator[Finding]:
        for account in self.owned:
            is_free = account.sent_job is not None and account.sent_job.charge is Charged.NO
            is_overdue = account.charged_at + REFUNDED_AFTER <= until
            if is_free and is_overdue and account.paid > 0:
                yield account.finding(account.paid)


def reconcile(
    day: date,
    until: datetime,
    sent_jobs: Iterable[SentJob],
    entries: Sequence[LedgerEntry],
    owners: Mapping[str, str],
) -> Report:
    """Return the report of a day. `until` is the end of the search for refunds.

    `owners` maps the known prediction ids to job ids. `sent_jobs` and `entries` may include those
    of adjacent days, for jobs sent around midnight.
    """
    accounts = _Day(day, sent_jobs, entries, owners)
    totals = {bucket: _total(amounts) for bucket, amounts in accounts.sums.items()}
    charges = _total(accounts.sums[Bucket.MATCHED] + accounts.sums[Bucket.ORPHAN])
    estimates = [account.estimate for account in accounts.owned]
    return Report(
        day=day,
        until=until,
        sent_jobs=_total(sent_job.estimated_micro_usd or 0 for sent_job in accounts.sent),
        charges=charges,
        refunds=totals[Bucket.REFUND],
        net_micro_usd=charges.micro_usd - totals[Bucket.REFUND].micro_usd,
        earlier_refunds=totals[Bucket.EARLIER],
        elsewhere=totals[Bucket.ELSEWHERE],
        matched=totals[Bucket.MATCHED],
        compared=_total(estimate for estimate in estimates if estimate is not None),
        unpriced=_total(a.charged_on_day for a in accounts.owned if a.estimate is None),
        drift=_findings(accounts.drift()),
        orphans=_findings(account.finding(account.charged_on_day) for account in accounts.orphans),
        double=_findings(accounts.double()),
        uncharged=_findings(accounts.uncharged()),
        unrefunded=_findings(accounts.unrefunded(until)),
    )


def _total(amounts: Iterable[int]) -> Total:
    values = list(amounts)
    return Total(count=len(values), micro_usd=sum(values))


def _findings(iterable: Iterable[Finding]) -> Findings:
    findings = list(iterable)
    worst = heapq.nlargest(
        SHOWN, findings, key=lambda f: (abs(f.micro_usd), f.job_id or "", f.prediction_ids)
    )
    total = _total(finding.micro_usd for finding in findings)
    return Findings(count=total.count, micro_usd=total.micro_usd, worst=tuple(worst))
