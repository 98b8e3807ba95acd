"""End a batch: write one terminal status conditionally, then publish the terminal event."""

from dataclasses import dataclass

from darkroom.domain import events
from darkroom.domain.batch import Batch, BatchStatus
from darkroom.domain.job_events import s3_location
from darkroom.ports import Batches, BatchFiles, Clock, Events, Metrics

ENDED = (BatchStatus.COMPLETED, BatchStatus.CANCELED, BatchStatus.FAILED)
CSV, JSONL = "results.csv", "results.jsonl"


@dataclass(frozen=True)
class EndBatch:
    """Write the terminal status, unless one exists, and publish the terminal event."""

    batches: Batches
    files: BatchFiles
    events: Events
    metrics: Metrics
    now: Clock

    def run(self, batch: Batch, status: BatchStatus, **changes: object) -> None:
        """End the batch with `status`; do nothing if the batch has ended already."""
        ended = self.batches.update(
            batch.batch_id,
            when=[BatchStatus.RUNNING],
            status=status,
            ended_at=self.now(),
            eta_seconds=None,
            **changes,
        )
        if ended is not None:
            self.metrics.count("BatchesEnded", status=str(status))
            self.publish_end(ended)

    def publish_end(self, batch: Batch) -> None:
        """Publish BatchCompleted unless `published_at` is set.

        A crash between the status write and the event leaves the event unpublished; the next run
        publishes it.
        """
        if batch.published_at is not None:
            return
        csv, jsonl = (
            None if batch.status is BatchStatus.FAILED else self.files.results(batch.batch_id, name)
            for name in (CSV, JSONL)
        )
        self.events.publish(
            events.BatchCompleted(
                id=f"{batch.batch_id}.ended",
                caller=batch.caller,
                request_id=batch.request_id,
                batch_id=batch.batch_id,
                idempotency_key=batch.idempotency_key,
                name=batch.name,
                status=batch.status.value,
                source=s3_location(batch.source),
                rows=batch.rows,
                progress=batch.counts,
                spent_micro_usd=batch.spent_micro_usd,
                uncertain_micro_usd=batch.uncertain_micro_usd,
                results_csv=csv and events.S3Location(bucket=csv.bucket, key=csv.key),
                results_jsonl=jsonl and events.S3Location(bucket=jsonl.bucket, key=jsonl.key),
                accepted_at=batch.accepted_at,
                ended_at=batch.ended_at,
            )
        )
        self.batches.update(batch.batch_id, when=ENDED, published_at=self.now(), sweep_after=None)
