"""Budget: what a caller has left of its day's money."""

from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.domain.errors import Charged
from darkroom.domain.job import Job
from darkroom.ports import Clock, Cursor, JobLists

_PAGE = 100


@dataclass(frozen=True)
class Budget:
    """Add up a caller's jobs since midnight, UTC."""

    lists: JobLists
    now: Clock

    def left(self, caller: str, daily_micro_usd: int) -> int:
        """Return micro-USD, 0 or more; what ended without a charge does not count."""
        midnight = self.now().replace(hour=0, minute=0, second=0, microsecond=0)
        spent = 0
        for job in self._newest_first(caller):
            if job.accepted_at < midnight:
                break
            if job.is_open or job.charge is not Charged.NO:
                spent += job.estimated_cost_micro_usd or 0
        return max(0, daily_micro_usd - spent)

    def _newest_first(self, caller: str) -> Iterator[Job]:
        after: Cursor | None = None
        while True:
            jobs, after = self.lists.page(caller, limit=_PAGE, after=after)
            yield from jobs
            if after is None:
                return
