"""Statistics of ended jobs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkroom.domain.stats import Day, ImageKind, JobStats


class Stats(Protocol):
    """Counters by day and caller, and histograms of durations."""

    def add(self, job_id: str, job_stats: JobStats, expires_at: int) -> bool:
        """Count a job and mark its record in one transaction. Returns False on a repetition."""

    def days(self, since: date, until: date, caller: str | None) -> list[Day]:
        """Return the days from `since` to `until`, oldest first.

        `caller` None returns the days of every caller.
        """

    def histograms(self, since: date, until: date) -> dict[date, dict[ImageKind, dict[int, int]]]:
        """Return the job counts by day (oldest first), kind of image and duration bucket."""
