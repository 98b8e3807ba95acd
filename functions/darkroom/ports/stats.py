"""What is counted of ended jobs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkroom.domain.stats import Day, ImageKind, JobStats


class Stats(Protocol):
    """The counters, by day and caller, and the histograms of durations."""

    def add(self, job_id: str, job_stats: JobStats, expires_at: int) -> bool:
        """Count a job and mark its record, at once; False if it was counted before."""

    def days(self, since: date, until: date, caller: str | None) -> list[Day]:
        """Return the days from `since` to `until`, of one caller or of everybody, oldest first."""

    def histograms(self, since: date, until: date) -> dict[date, dict[ImageKind, dict[int, int]]]:
        """Return by day, oldest first, how many jobs of each kind fell into each bucket."""
