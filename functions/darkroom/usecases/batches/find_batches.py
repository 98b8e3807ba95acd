"""Find and cancel batches of a caller."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.batch import Batch, BatchStatus
from darkroom.domain.callers import Caller
from darkroom.domain.errors import EndedError, NotFoundError
from darkroom.domain.identity import is_job_id
from darkroom.ports import Audit, Batches, Clock, Cursor, Sleep

_POLL_INTERVAL = 1.0  # seconds


def cancel_batch(batches: Batches, batch_id: str, now: datetime) -> Batch | None:
    """Request the cancellation of a batch; return the batch, or None if it has ended.

    CreateRows then starts no further row, and CollectBatch cancels the started jobs.
    """
    return batches.update(batch_id, when=[BatchStatus.RUNNING], canceled_at=now)


@dataclass(frozen=True)
class FindBatches:
    """Read and cancel the batches that a caller may read."""

    batches: Batches
    audit: Audit
    now: Clock
    sleep: Sleep
    monotonic: Callable[[], float] = time.monotonic

    def one(self, caller: Caller, batch_id: str) -> Batch:
        """Return the batch. Raises NotFoundError if it is missing or belongs to another caller."""
        batch = self.batches.get(batch_id) if is_job_id(batch_id) else None
        if batch is None or not caller.owns(batch.caller):
            raise NotFoundError("This batch does not exist, or it belongs to another caller.")
        return batch

    def changed(self, caller: Caller, batch_id: str, seconds: float) -> Batch:
        """Return the batch once it has changed or ended, or after `seconds`."""
        deadline = self.monotonic() + seconds
        first = batch = self.one(caller, batch_id)
        while batch.is_open and batch == first and (remaining := deadline - self.monotonic()) > 0:
            self.sleep(min(_POLL_INTERVAL, remaining))
            batch = self.one(caller, batch_id)
        return batch

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return up to `limit` batches, newest first, and the next cursor, None at the end.

        `caller` None returns batches of all callers.
        """
        return self.batches.page(caller, limit=limit, after=after)

    def cancel(self, caller: Caller, batch_id: str) -> Batch:
        """Request the cancellation of the batch and return it. Idempotent.

        Raises NotFoundError, or EndedError if the batch has ended and was not canceled.
        """
        batch = self.one(caller, batch_id)
        if batch.canceled_at is None and batch.is_open:
            canceled = cancel_batch(self.batches, batch_id, self.now())
            if canceled is not None:
                self.audit.record(audit.entry(self.now(), Act.BATCH_CANCELED, batch_id, caller))
            batch = canceled or self.one(caller, batch_id)
        if batch.canceled_at is None:
            raise EndedError(f"The batch has already {batch.status}, so it cannot be canceled.")
        return batch
