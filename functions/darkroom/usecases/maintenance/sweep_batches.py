"""Sweep batches: restart batches without a running execution, and close those that cannot end."""

from dataclasses import dataclass

from darkroom.domain.batch import Batch, BatchStatus
from darkroom.domain.executions import Execution
from darkroom.domain.sweeping import INTERVAL
from darkroom.ports import Batches, Clock, Metrics, Workflow
from darkroom.usecases.batches.end_batch import EndBatch

_MAX_ATTEMPTS = 10


@dataclass(frozen=True)
class SweepBatches:
    """Restart or close every open batch whose execution has ended.

    A restart creates no duplicates: the state of every row is in the records.
    """

    batches: Batches
    workflow: Workflow
    end: EndBatch
    metrics: Metrics
    now: Clock

    def run(self) -> list[str]:
        """Return the ids of the batches that were restarted or closed. Idempotent.

        A failure is raised after the other batches, and its batch is due again after INTERVAL.
        """
        batch_ids: list[str] = []
        failure: Exception | None = None
        for batch in self.batches.due(self.now()):
            try:
                if self._repair(batch.batch_id):
                    batch_ids.append(batch.batch_id)
            except Exception as error:
                failure = error
                self._update(batch)
        if failure is not None:
            raise failure
        return batch_ids

    def _repair(self, batch_id: str) -> bool:
        batch = self.batches.get(batch_id)  # the index is eventually consistent
        if batch is None or batch.sweep_after is None or batch.sweep_after > self.now():
            return False
        if not batch.is_open:
            self.end.publish_end(batch)
            return True
        execution = self.workflow.status(batch.batch_id, batch.attempt)
        if execution is Execution.RUNNING:
            self._update(batch)
            return False
        if execution is None:
            self.workflow.start(batch.batch_id, batch.attempt)
            self._update(batch)
        elif batch.attempt < _MAX_ATTEMPTS:
            self._restart(batch, execution)
        else:
            self.end.run(batch, BatchStatus.FAILED)
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
            self.workflow.start(restarted.batch_id, restarted.attempt)

    def _update(self, batch: Batch, **changes: object) -> Batch | None:
        sweep_after = self.now() + INTERVAL
        return self.batches.update(
            batch.batch_id, when=[BatchStatus.RUNNING], sweep_after=sweep_after, **changes
        )
