"""Reconcile billing: compare a day's jobs with the provider's billing, and store a report."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from darkroom.domain.bills import LedgerEntry, Report, SentJob, bounds, charged
from darkroom.domain.reconciliation import REFUNDED_AFTER, reconcile
from darkroom.ports import Assets, Billing, Claims, Clock, Cursor, Jobs, Metrics

_PAGE = 100
_MICRO = 1_000_000
# A job can wait in the queue for hours, and is charged when it is submitted.
_MAX_QUEUED = timedelta(days=1)
# The provider's clock may differ: a charge may fall in the day, and its job outside it.
_SKEW = timedelta(minutes=10)
# Lookups of charges that match none of the listed jobs. A larger number means that another
# program uses the same API key.
_MAX_LOOKUPS = 10_000


@dataclass(frozen=True)
class ReconcileBilling:
    """Match jobs and charges by prediction id, and report charges without a job."""

    jobs: Jobs
    claims: Claims
    billing: Billing
    assets: Assets
    metrics: Metrics
    now: Clock

    def run(self, day: date) -> Report:
        """Return the stored report of a day (UTC).

        Raises ValueError if the day is not over, and RuntimeError if the billing cannot be read; a
        later run may succeed. Idempotent: a later report replaces the earlier one.
        """
        now = self.now()
        start, end = bounds(day)
        if now < end:
            raise ValueError("the day is not over: its billing is incomplete")
        until = min(end + REFUNDED_AFTER, now)
        entries = self.billing.charges(start - _SKEW, until)
        if entries is None:
            raise RuntimeError("the provider's bills could not be read")
        sent_jobs = list(self._sent_jobs(start - _MAX_QUEUED, end + _SKEW))
        owners = self._owners(day, sent_jobs, entries)
        report = reconcile(day, until, sent_jobs, entries, owners)
        self.assets.write_json(f"reports/{day.isoformat()}.json", report.model_dump(mode="json"))
        self.metrics.count("OrphanCharges", report.orphans.count)
        self.metrics.count("DoubleCharges", report.double.count)
        self.metrics.count("CostDrift", report.drift.micro_usd / _MICRO, "None")
        return report

    def _sent_jobs(self, start: datetime, end: datetime) -> Iterator[SentJob]:
        """Yield the sent jobs that were accepted from `start` to before `end`."""
        after: Cursor | None = Cursor(end, "")
        while after is not None:
            jobs, after = self.jobs.page(None, limit=_PAGE, after=after)
            for job in jobs:
                if job.accepted_at < start:
                    return
                sent_job = SentJob.of(job)
                if sent_job is not None and job.accepted_at < end:
                    yield sent_job

    def _owners(
        self, day: date, sent_jobs: list[SentJob], entries: list[LedgerEntry]
    ) -> dict[str, str]:
        """Return job ids by prediction id, for the sent jobs and for the charges of the day.

        A charged prediction can belong to an older job, or to a job whose record lacks the
        prediction after a crash.
        """
        owners = {job.prediction_id: job.job_id for job in sent_jobs if job.prediction_id}
        unmatched = [
            prediction_id
            for prediction_id in charged(day, entries)
            if prediction_id and prediction_id not in owners
        ]
        for prediction_id in unmatched[:_MAX_LOOKUPS]:
            job_id = self.claims.owner(prediction_id)
            if job_id is not None:
                owners[prediction_id] = job_id
        return owners
