"""Start a batch: store its rows, write its record and start its execution."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.batch import CONFIRM_ABOVE, Batch, Counts
from darkroom.domain.errors import (
    MAX_PROBLEMS,
    BudgetExceededError,
    ConfirmationRequiredError,
    ConflictError,
    FieldProblem,
    InvalidRequestError,
)
from darkroom.domain.identity import job_id
from darkroom.domain.rows import chunks, line_of
from darkroom.domain.sweeping import START_GRACE
from darkroom.ports import Audit, Batches, BatchFiles, Clock, Metrics, Workflow
from darkroom.usecases.batches.plan_batch import BatchFile, Plan, PlanBatch
from darkroom.usecases.jobs.budget import Budget, BudgetLeft
from darkroom.usecases.jobs.create_job import RequestSource

# Limits of one chunk, so that a step takes seconds and little memory.
_CHUNK_ROWS, _CHUNK_BYTES = 12, 4_000_000
_MAX_STORED_PROBLEMS = 20  # on the record; the result files have all


@dataclass(frozen=True)
class StartBatch:
    """Create and start one batch per caller and idempotency key."""

    plan: PlanBatch
    batches: Batches
    files: BatchFiles
    workflow: Workflow
    budget: Budget
    metrics: Metrics
    audit: Audit
    now: Clock
    retention: timedelta

    def preview(self, batch_file: BatchFile, request_source: RequestSource) -> Plan:
        """Return the plan, with a warning for each daily budget that its rows exceed.

        Raises InvalidRequestError if the whole file cannot be used.
        """
        return self._plan(batch_file, request_source, self._budgets(request_source))

    def run(
        self,
        batch_file: BatchFile,
        request_source: RequestSource,
        *,
        name: str | None = None,
        confirmed: int | None = None,
    ) -> Batch:
        """Return the batch. Idempotent.

        Raises InvalidRequestError, ConflictError, BudgetExceededError if not even the cheapest row
        fits into today's budgets, or ConfirmationRequiredError if the batch needs a confirmation
        and costs more than `confirmed`, in micro-USD.
        """
        identity = job_id(request_source.caller.name, f"batch/{request_source.key}")
        file_fingerprint = _fingerprint(batch_file)
        batch = self.batches.get(identity)
        if batch is None:
            budgets = self._budgets(request_source)
            plan = self._plan(batch_file, request_source, budgets)
            _require_rows(plan)
            self._require_budget(plan, budgets)
            _require_confirmation(plan, confirmed)
            lines = [line_of(row) for row in plan.rows]
            # The state machine and CollectBatch read the rows from S3, so no state contains rows.
            self.files.write_rows(identity, lines, chunks(lines, _CHUNK_ROWS, _CHUNK_BYTES))
            batch = self._new(plan, request_source, identity, file_fingerprint, name)
            if self.batches.create(batch):
                self.metrics.count("BatchesAccepted")
                self.audit.record(
                    audit.entry(
                        batch.accepted_at, Act.BATCH_CREATED, identity, request_source.caller
                    )
                )
            else:  # a concurrent delivery of the same request has created the batch
                batch = self.batches.get(identity) or batch
        if batch.fingerprint != file_fingerprint:
            raise ConflictError(
                f"This idempotency key was already used for another batch ({identity})."
                " Use a new key."
            )
        if batch.is_open:
            self.workflow.start(batch.batch_id, batch.attempt)
        return batch

    def _budgets(self, request_source: RequestSource) -> list[BudgetLeft]:
        scope = request_source.budget_scope or request_source.caller.name
        return self.budget.left(scope, request_source.daily_budget_micro_usd)

    def _plan(
        self, batch_file: BatchFile, request_source: RequestSource, budgets: list[BudgetLeft]
    ) -> Plan:
        plan = self.plan.run(batch_file, request_source.caller)
        return replace(plan, warnings=(*plan.warnings, *_budget_warnings(plan, budgets)))

    def _require_budget(self, plan: Plan, budgets: list[BudgetLeft]) -> None:
        for budget in budgets:
            if not _fits(plan, budget):
                self.metrics.count("BudgetExceeded")
                raise _shortage(plan, budget)

    def _new(
        self,
        plan: Plan,
        request_source: RequestSource,
        identity: str,
        file_fingerprint: str,
        name: str | None,
    ) -> Batch:
        now = self.now()
        bad = len(plan.rows) - plan.valid_rows
        return Batch(
            batch_id=identity,
            caller=request_source.caller.name,
            can_read_all=request_source.caller.can_read_all,
            key_id=request_source.caller.key_id,
            request_id=request_source.request_id,
            idempotency_key=request_source.key,
            fingerprint=file_fingerprint,
            name=name or plan.source.key.rpartition("/")[2],
            source=plan.source,
            rows=len(plan.rows),
            bad_rows=bad,
            problems=plan.problems(_MAX_STORED_PROBLEMS),
            warnings=plan.warnings,
            estimated_cost_micro_usd=plan.estimated_cost_micro_usd,
            unpriced_rows=plan.unpriced_rows,
            counts=Counts(waiting=plan.valid_rows, bad=bad),
            accepted_at=now,
            sweep_after=now + START_GRACE,
            expires_at=int((now + self.retention).timestamp()),
        )


def _budget_warnings(plan: Plan, budgets: list[BudgetLeft]) -> Iterator[str]:
    for budget in budgets:
        if plan.valid_rows and not _fits(plan, budget):
            yield f"The batch cannot start. {_shortage(plan, budget)}"
        elif plan.estimated_cost_micro_usd > budget.micro_usd:
            yield f"{_shortage(plan, budget)} The rows beyond it fail with `budget_exceeded`."
    if budgets and 0 < plan.unpriced_rows < plan.valid_rows:
        yield (
            f"The price of {plan.unpriced_rows} of the rows is not known, so they exceed every"
            " daily budget and fail with `budget_exceeded`."
        )


def _fits(plan: Plan, budget: BudgetLeft) -> bool:
    """Return whether at least the cheapest row fits into the budget."""
    return plan.cheapest_micro_usd is not None and plan.cheapest_micro_usd <= budget.micro_usd


def _shortage(plan: Plan, budget: BudgetLeft) -> BudgetExceededError:
    if plan.cheapest_micro_usd is None:
        return BudgetExceededError(budget.scope, budget.cap, None, None)
    cost = plan.estimated_cost_micro_usd
    return BudgetExceededError(budget.scope, budget.cap, budget.micro_usd, cost)


def _require_rows(plan: Plan) -> None:
    if not plan.valid_rows:
        problems = [
            FieldProblem(
                field=f"rows.{problem.row}.{problem.field}".rstrip("."),
                message=problem.message,
                allowed=problem.allowed,
            )
            for problem in plan.problems(MAX_PROBLEMS)
        ]
        raise InvalidRequestError(problems)


def _require_confirmation(plan: Plan, confirmed: int | None) -> None:
    cost = plan.estimated_cost_micro_usd
    is_small = cost <= CONFIRM_ABOVE and not plan.unpriced_rows
    if not is_small and (confirmed is None or confirmed < cost):
        raise ConfirmationRequiredError(cost, plan.valid_rows, plan.unpriced_rows)


def _fingerprint(batch_file: BatchFile) -> str:
    fields = asdict(batch_file)
    del fields["key_defaults"]
    if batch_file.columns is None:
        del fields["columns"]  # the batches of earlier versions have none
    text = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
