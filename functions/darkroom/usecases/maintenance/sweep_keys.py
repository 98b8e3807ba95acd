"""Sweep keys: cancel the waiting jobs and the open batches of revoked API keys."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from darkroom.domain.batch import Batch
from darkroom.domain.job import Job, Status
from darkroom.domain.keys import Revocation
from darkroom.ports import Batches, Clock, Cursor, Jobs, Keys
from darkroom.usecases.batches.find_batches import cancel_batch
from darkroom.usecases.jobs.end_job import EndJob

_PAGE = 100
# A job may be accepted after the revocation: API Gateway caches an authorization for 30 s, a
# request takes up to 29 s, and the index of the lists is eventually consistent.
_GRACE = timedelta(minutes=2)


class _Listing[T](Protocol):
    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[T], Cursor | None]: ...


@dataclass(frozen=True)
class SweepKeys:
    """Cancel what waits, so that people see the end at once.

    AcquireSlot and CreateRows refuse the jobs and rows of revoked keys in any case.
    """

    keys: Keys
    jobs: Jobs
    batches: Batches
    end: EndJob
    now: Clock
    max_queue: timedelta

    def run(self, can_continue: Callable[[], bool] = lambda: True) -> list[str]:
        """Return the ids of the canceled batches and jobs; stop when `can_continue` is False.

        Idempotent. The next run continues: it passes over what has ended. A failure is raised after
        the other keys.
        """
        canceled: list[str] = []
        failure: Exception | None = None
        for revocation in self.keys.revocations():
            if revocation.swept_at is not None:
                continue
            start = self.now()
            try:
                for record_id in self._cancel(revocation, start):
                    canceled += [record_id] if record_id else []
                    if not can_continue():
                        return canceled
                if start > revocation.revoked_at + _GRACE:
                    self.keys.mark_swept(revocation.key_id, start)
            except Exception as error:
                failure = error
        if failure is not None:
            raise failure
        return canceled

    def _cancel(self, revocation: Revocation, now: datetime) -> Iterator[str | None]:
        """Yield the id of each record that was canceled, and None for each other record."""
        for batch in _all(self.batches, revocation.caller):
            is_waiting = batch.is_open and batch.canceled_at is None
            if is_waiting and batch.key_id == revocation.key_id:
                cancel_batch(self.batches, batch.batch_id, now)
                yield batch.batch_id
            else:
                yield None
        for job in _all(self.jobs, revocation.caller):
            if job.accepted_at < now - self.max_queue:
                return  # older jobs are not submitted
            is_waiting = job.status is Status.QUEUED and job.key_id == revocation.key_id
            yield job.job_id if is_waiting and self.end.cancel(job.job_id) else None


def _all[T: (Job, Batch)](records: _Listing[T], caller: str) -> Iterator[T]:
    """Yield the caller's records, newest first."""
    after = None
    while True:
        page, after = records.page(caller, limit=_PAGE, after=after)
        yield from page
        if after is None:
            return
