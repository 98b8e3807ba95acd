"""Find a caller's batches, one or page by page; and cancel one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from darkroom.domain.batch import Batch, BatchStatus
from darkroom.domain.callers import Caller
from darkroom.domain.errors import EndedError, NotFoundError
from darkroom.domain.identity import is_job_id
from darkroom.ports import Batches, Clock, Cursor, Sleep

_POLL_INTERVAL = 1.0  # seconds


@dataclass(frozen=True)
class FindBatches:
    """What a caller may see, and take back."""

    batches: Batches
    now: Clock
    sleep: Sleep
    monotonic: Callable[[], float] = time.monotonic

    def one(self, caller: Caller, batch_id: str) -> Batch:
        """Return the batch; raises NotFoundError, also if it is another caller's."""
        batch = self.batches.get(batch_id) if is_job_id(batch_id) else None
        if batch is None or not caller.owns(batch.caller):
            raise NotFoundError("there is no such batch")
        return batch

    def changed(self, caller: Caller, batch_id: str, seconds: float) -> Batch:
        """Return the batch once anything about it changes, or after so many seconds."""
        give_up_at = self.monotonic() + seconds
        first = batch = self.one(caller, batch_id)
        while batch.is_open and batch == first and (left := give_up_at - self.monotonic()) > 0:
            self.sleep(min(_POLL_INTERVAL, left))
            batch = self.one(caller, batch_id)
        return batch

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return batches, newest first, and where to go on; `caller` None: everybody's."""
        return self.batches.page(caller, limit=limit, after=after)

    def cancel(self, caller: Caller, batch_id: str) -> Batch:
        """Ask that no further row is started, and what was is canceled; repeatable.

        Raises NotFoundError, or EndedError if it has ended otherwise.
        """
        batch = self.one(caller, batch_id)
        if batch.canceled_at is None and batch.is_open:
            batch = self.batches.update(
                batch_id, when=[BatchStatus.RUNNING], canceled_at=self.now()
            ) or self.one(caller, batch_id)
        if batch.canceled_at is None:
            raise EndedError(f"the batch has {batch.status}: there is nothing to cancel")
        return batch
