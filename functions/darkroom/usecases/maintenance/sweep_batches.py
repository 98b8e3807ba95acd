"""Sweep batches: restart batches without a running execution, and close those that cannot end."""

from dataclasses import dataclass
from datetime import timedelta

from darkroom.domain.batch import Batch, BatchStatus
from darkroom.ports import Batches, BatchWorkflow, Clock, Execution, Metrics
from darkroom.usecases.batches.end_batch import EndBatch

# Time until the next inspection of a batch whose execution runs.
_INTERVAL = timedelta(minutes=10)
_MAX_ATTEMPTS = 10


@dataclass(frozen=True)
class SweepBatches:
    """Restart or close every open batch whose execution has ended.

    A restart creates no duplicates: the state of every row is in the records.
    """

    batches: Batches
    workflow: BatchWorkflow
    end: EndBatch
    metrics: Metrics
    now: Clock

    def __call__(self) -> list[str]:
        """Return the ids of the batches that were restarted or closed. Idempotent."""
        return [
            batch.batch_id for batch in self.batches.due(self.now()) if self._repair(batch.batch_id)
        ]

    def _repair(self, batch_id: str) -> bool:
        batch = self.batches.get(batch_id)  # the index is eventually consistent
        if batch is None or batch.sweep_after is None or batch.sweep_after > self.now():
            return False
        if not batch.is_open:
            self.end.publish_end(batch)
            return True
        execution = self.workflow.status(batch)
        if execution is Execution.RUNNING:
            self._update(batch)
            return False
        if execution is None:
            self.workflow.start(batch)
            self._update(batch)
        elif batch.attempt < _MAX_ATTEMPTS:
            self._restart(batch, execution)
        else:
            self.end(batch, BatchStatus.FAILED)
        self.metrics.count("BatchesRestarted")
        return True

    def _restart(self, batch: Batch, execution: Execution) -> None:
        # An execution stopped by hand means that the batch is to be canceled.
        cancellation = {"canceled_at": batch.canceled_at or self.now()}
        restarted = self._update(
            batch,
            attempt=batch.attempt + 1,
            creation_finished=None,
            **(cancellation if execution is Execution.ABORTED else {}),
        )
        if restarted is not None:
            self.workflow.start(restarted)

    def _update(self, batch: Batch, **changes: object) -> Batch | None:
        sweep_after = self.now() + _INTERVAL
        return self.batches.update(
            batch.batch_id, when=[BatchStatus.RUNNING], sweep_after=sweep_after, **changes
        )
