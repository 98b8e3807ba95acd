"""Statistics, as a list of the added job statistics."""

from dataclasses import dataclass, field
from datetime import date

from darkroom.domain.stats import Amount, Day, ImageKind, JobStats
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs


@dataclass
class InMemoryStats:
    """The port Stats, with the job records that it marks as recorded."""

    jobs: InMemoryJobs = field(default_factory=InMemoryJobs)
    added: list[JobStats] = field(default_factory=list)

    def add(self, job_id: str, job_stats: JobStats, expires_at: int) -> bool:
        job = self.jobs.records.get(job_id)
        if job is None or job.stats_recorded_at is not None:
            return False
        self.jobs.records[job_id] = job.model_copy(update={"stats_recorded_at": START})
        self.added.append(job_stats)
        return True

    def days(self, since: date, until: date, caller: str | None) -> list[Day]:
        stats_by_day: dict[tuple[date, str], list[JobStats]] = {}
        for job_stats in self.added:
            if since <= job_stats.day <= until and caller in (None, job_stats.caller):
                stats_by_day.setdefault((job_stats.day, job_stats.caller), []).append(job_stats)
        return [
            _day(day, owner, job_stats) for (day, owner), job_stats in sorted(stats_by_day.items())
        ]

    def histograms(self, since: date, until: date) -> dict[date, dict[ImageKind, dict[int, int]]]:
        counts_by_day: dict[date, dict[ImageKind, dict[int, int]]] = {}
        for job_stats in sorted(self.added, key=lambda job_stats: job_stats.day):
            if job_stats.bucket is not None and since <= job_stats.day <= until:
                counts = counts_by_day.setdefault(job_stats.day, {}).setdefault(job_stats.kind, {})
                counts[job_stats.bucket] = counts.get(job_stats.bucket, 0) + 1
        return counts_by_day


def _day(day: date, caller: str, records: list[JobStats]) -> Day:
    codes = [record.code for record in records if record.code is not None]
    qualities = sorted({record.quality for record in records})
    return Day(
        day=day,
        caller=caller,
        completed=len(records) - len(codes),
        failed=len(codes),
        spent_micro_usd=sum(record.micro_usd for record in records),
        reused=sum(record.saved_micro_usd is not None for record in records),
        saved_micro_usd=sum(record.saved_micro_usd or 0 for record in records),
        by_quality={
            quality: Amount(
                jobs=sum(record.quality == quality for record in records),
                micro_usd=sum(record.micro_usd for record in records if record.quality == quality),
            )
            for quality in qualities
        },
        failures={code: codes.count(code) for code in sorted(codes)},
    )
