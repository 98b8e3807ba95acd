"""Start a batch: its rows are stored, its record is written, and its execution runs."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from darkroom.domain.batch import CONFIRM_ABOVE, Batch, Counts
from darkroom.domain.errors import (
    ConfirmationRequiredError,
    ConflictError,
    FieldProblem,
    InvalidRequestError,
)
from darkroom.domain.identity import job_id
from darkroom.domain.rows import chunks, line_of
from darkroom.ports import Batches, BatchFiles, BatchWorkflow, Clock, Metrics
from darkroom.usecases.create_job import RequestSource
from darkroom.usecases.plan_batch import BatchFile, Plan, PlanBatch

# It is started as it is recorded: the sweep looks whether it was.
START_GRACE = timedelta(minutes=2)
# What one step makes jobs of, in rows and in bytes: seconds of work, and little memory.
_CHUNK_ROWS, _CHUNK_BYTES = 12, 4_000_000
_KEPT_PROBLEMS = 20  # on the record; the result file has all
_TOLD_PROBLEMS = 32


@dataclass(frozen=True)
class StartBatch:
    """Make a batch of a file, once for each caller and idempotency key."""

    plan: PlanBatch
    batches: Batches
    files: BatchFiles
    workflow: BatchWorkflow
    metrics: Metrics
    now: Clock
    retention: timedelta

    def __call__(
        self,
        batch_file: BatchFile,
        request_source: RequestSource,
        *,
        name: str | None = None,
        confirmed: int | None = None,
    ) -> Batch:
        """Return the batch; safe to repeat.

        Raises InvalidRequestError, ConflictError, or ConfirmationRequiredError if it costs more
        than is started unasked, and than `confirmed` (micro-USD).
        """
        identity = job_id(request_source.caller.name, f"batch/{request_source.key}")
        asked = _fingerprint(batch_file)
        batch = self.batches.get(identity)
        if batch is None:
            plan = self.plan(batch_file, request_source.caller)
            _check(plan, confirmed)
            lines = [line_of(row) for row in plan.rows]
            # Read again by the machine, and by whoever asks what came of it: no state carries rows.
            self.files.write_rows(identity, lines, chunks(lines, _CHUNK_ROWS, _CHUNK_BYTES))
            batch = self._new(plan, request_source, identity, asked, name)
            if self.batches.create(batch):
                self.metrics.count("BatchesAccepted")
            else:  # another delivery of the same request was quicker
                batch = self.batches.get(identity) or batch
        if batch.fingerprint != asked:
            raise ConflictError(f"the idempotency key stands for another batch: {identity}")
        if batch.is_open:
            self.workflow.start(batch)
        return batch

    def _new(
        self, plan: Plan, request_source: RequestSource, identity: str, asked: str, name: str | None
    ) -> Batch:
        now = self.now()
        bad = len(plan.rows) - plan.good
        return Batch(
            batch_id=identity,
            caller=request_source.caller.name,
            can_read_all=request_source.caller.can_read_all,
            request_id=request_source.request_id,
            idempotency_key=request_source.key,
            fingerprint=asked,
            name=name or plan.source.key.rpartition("/")[2],
            source=plan.source,
            rows=len(plan.rows),
            bad_rows=bad,
            problems=plan.problems(_KEPT_PROBLEMS),
            estimated_cost_micro_usd=plan.estimated_cost_micro_usd,
            unpriced_rows=plan.unpriced_rows,
            daily_budget_micro_usd=request_source.daily_budget_micro_usd,
            counts=Counts(waiting=plan.good, bad=bad),
            accepted_at=now,
            sweep_after=now + START_GRACE,
            expires_at=int((now + self.retention).timestamp()),
        )


def _check(plan: Plan, confirmed: int | None) -> None:
    if not plan.good:
        told = [
            FieldProblem(
                field=f"rows.{each.row}.{each.field}".rstrip("."),
                message=each.message,
                allowed=each.allowed,
            )
            for each in plan.problems(_TOLD_PROBLEMS)
        ]
        raise InvalidRequestError(told)
    cost = plan.estimated_cost_micro_usd
    is_small = cost <= CONFIRM_ABOVE and not plan.unpriced_rows
    if not is_small and (confirmed is None or confirmed < cost):
        raise ConfirmationRequiredError(cost, plan.good, plan.unpriced_rows)


def _fingerprint(batch_file: BatchFile) -> str:
    asked = json.dumps(asdict(batch_file), sort_keys=True, default=str)
    return hashlib.sha256(asked.encode()).hexdigest()
