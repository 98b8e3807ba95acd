"""Reconcile: a day's jobs against what the provider took for them, in a report for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from darkroom.domain.bills import LedgerEntry, Report, SentJob, bounds, charged
from darkroom.domain.reconciliation import REFUNDED_AFTER, reconcile
from darkroom.ports import Assets, Billing, Claims, Clock, Cursor, JobLists, Metrics

_PAGE = 100
_MICRO = 1_000_000
# A job can wait in the line for hours, and is charged when it is sent.
_SENT_AFTER = timedelta(days=1)
# The provider's clock is not ours: its charge may lie in the day, and the job beside it.
_SKEW = timedelta(minutes=10)
# Of charges without a job of these days. Many more of them are somebody else's, who has the key.
_MAX_LOOKUPS = 10_000


@dataclass(frozen=True)
class ReconcileBilling:
    """Join jobs and charges by the predictions, and tell what belongs to nothing."""

    lists: JobLists
    claims: Claims
    billing: Billing
    assets: Assets
    metrics: Metrics
    now: Clock

    def __call__(self, day: date) -> Report:
        """Return the report of a day in UTC, as it was stored.

        Raises if the bills cannot be read: the next try may find them. Safe to repeat: a report
        that is made later takes the place of the one before.
        """
        now = self.now()
        start, end = bounds(day)
        if now < end:
            raise ValueError("the day is not over: its bills would be half a truth")
        until = min(end + REFUNDED_AFTER, now)
        entries = self.billing.charges(start - _SKEW, until)
        if entries is None:
            raise RuntimeError("the provider's bills could not be read")
        sent_jobs = list(self._sent_jobs(start - _SENT_AFTER, end + _SKEW))
        owners = self._owners(day, sent_jobs, entries)
        report = reconcile(day, until, sent_jobs, entries, owners)
        self.assets.write_json(f"reports/{day.isoformat()}.json", report.model_dump(mode="json"))
        self.metrics.count("OrphanCharges", report.orphans.count)
        self.metrics.count("DoubleCharges", report.double.count)
        self.metrics.count("CostDrift", report.drift.micro_usd / _MICRO, "None")
        return report

    def _sent_jobs(self, start: datetime, end: datetime) -> Iterator[SentJob]:
        """Give what matters of the jobs accepted from `start` to before `end`, page by page."""
        after: Cursor | None = Cursor(end, "")
        while after is not None:
            jobs, after = self.lists.page(None, limit=_PAGE, after=after)
            for job in jobs:
                if job.accepted_at < start:
                    return
                sent_job = SentJob.of(job)
                if sent_job is not None and job.accepted_at < end:
                    yield sent_job

    def _owners(
        self, day: date, sent_jobs: list[SentJob], entries: list[LedgerEntry]
    ) -> dict[str, str]:
        """Return whose job each prediction is, of these jobs' and of what was charged in the day.

        A job may be older than these, or have lost its prediction to a crash after the claim.
        """
        owners = {each.prediction_id: each.job_id for each in sent_jobs if each.prediction_id}
        strangers = [each for each in charged(day, entries) if each and each not in owners]
        for prediction_id in strangers[:_MAX_LOOKUPS]:
            job_id = self.claims.owner(prediction_id)
            if job_id is not None:
                owners[prediction_id] = job_id
        return owners
