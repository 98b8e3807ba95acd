"""Sweep the batches: start again what stands still, and close what cannot be brought to its end."""

from dataclasses import dataclass
from datetime import timedelta

from darkroom.domain.batch import Batch, BatchStatus
from darkroom.ports import Batches, BatchWorkflow, Clock, Execution, Metrics
from darkroom.usecases.end_batch import EndBatch

# A batch whose execution runs is looked at again so much later.
_AGAIN = timedelta(minutes=10)
_MAX_ATTEMPTS = 10


@dataclass(frozen=True)
class SweepBatches:
    """No batch stays open whose execution is gone: what rows there are is in the records."""

    batches: Batches
    workflow: BatchWorkflow
    end: EndBatch
    metrics: Metrics
    now: Clock

    def __call__(self) -> list[str]:
        """Return the ids of the batches that were started again or closed; safe to repeat."""
        return [
            each.batch_id for each in self.batches.due(self.now()) if self._repair(each.batch_id)
        ]

    def _repair(self, batch_id: str) -> bool:
        batch = self.batches.get(batch_id)  # what an index says of it may be old
        if batch is None or batch.sweep_after is None or batch.sweep_after > self.now():
            return False
        if not batch.is_open:
            self.end.publish_end(batch)
            return True
        execution = self.workflow.status(batch)
        if execution is Execution.RUNNING:
            self._note(batch)
            return False
        if execution is None:
            self.workflow.start(batch)
            self._note(batch)
        elif batch.attempt < _MAX_ATTEMPTS:
            self._restart(batch, execution)
        else:
            self.end(batch, BatchStatus.FAILED)
        self.metrics.count("BatchesRestarted")
        return True

    def _restart(self, batch: Batch, execution: Execution) -> None:
        # Who stops an execution by hand wants no more of it.
        stopped = {"canceled_at": batch.canceled_at or self.now()}
        again = self._note(
            batch,
            attempt=batch.attempt + 1,
            creation_finished=None,
            **(stopped if execution is Execution.ABORTED else {}),
        )
        if again is not None:
            self.workflow.start(again)

    def _note(self, batch: Batch, **changes: object) -> Batch | None:
        later = self.now() + _AGAIN
        return self.batches.update(
            batch.batch_id, when=[BatchStatus.RUNNING], sweep_after=later, **changes
        )
