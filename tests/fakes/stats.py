"""The counters, in a list of what was added."""

from dataclasses import dataclass, field
from datetime import date

from darkroom.domain.stats import Amount, Day, ImageKind, JobStats
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs


@dataclass
class InMemoryStats:
    """The port Stats, with the records that it marks."""

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
        found: dict[tuple[date, str], list[JobStats]] = {}
        for each in self.added:
            if since <= each.day <= until and caller in (None, each.caller):
                found.setdefault((each.day, each.caller), []).append(each)
        return [_day(day, owner, those) for (day, owner), those in sorted(found.items())]

    def histograms(self, since: date, until: date) -> dict[date, dict[ImageKind, dict[int, int]]]:
        found: dict[date, dict[ImageKind, dict[int, int]]] = {}
        for each in sorted(self.added, key=lambda one: one.day):
            if each.bucket is not None and since <= each.day <= until:
                counts = found.setdefault(each.day, {}).setdefault(each.kind, {})
                counts[each.bucket] = counts.get(each.bucket, 0) + 1
        return found


def _day(day: date, caller: str, tallies: list[JobStats]) -> Day:
    codes = [each.code for each in tallies if each.code is not None]
    qualities = sorted({each.quality for each in tallies})
    return Day(
        day=day,
        caller=caller,
        completed=len(tallies) - len(codes),
        failed=len(codes),
        spent_micro_usd=sum(each.micro_usd for each in tallies),
        by_quality={
            quality: Amount(
                jobs=sum(each.quality == quality for each in tallies),
                micro_usd=sum(each.micro_usd for each in tallies if each.quality == quality),
            )
            for quality in qualities
        },
        failures={code: codes.count(code) for code in sorted(codes)},
    )
