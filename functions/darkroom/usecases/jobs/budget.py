"""Budget: daily spending limits of a caller and of the whole deployment."""

from dataclasses import dataclass
from typing import NamedTuple

from darkroom.domain import events
from darkroom.domain.errors import STACK, BudgetExceededError
from darkroom.domain.job import Job, Reservation
from darkroom.ports import Budgets, Clock, Events, Jobs, Metrics

_THRESHOLD = 0.8


class BudgetLeft(NamedTuple):
    """What remains of a daily budget, in micro-USD."""

    scope: str
    cap: int
    micro_usd: int


@dataclass(frozen=True)
class Budget:
    """Reserve a job's price in each of its budgets when its record is created."""

    jobs: Jobs
    budgets: Budgets
    events: Events
    metrics: Metrics
    now: Clock
    stack_micro_usd: int | None

    def create(self, job: Job, scope: str, cap: int | None = None) -> bool:
        """Store the job with its reservations. Return False if the job exists already.

        `scope` owns the budget: the caller, or an inbox folder with its own budget `cap` in
        micro-USD. The stack's budget applies as well.

        Raises BudgetExceededError if a budget is exceeded. A job of unknown price cannot be
        reserved, so it exceeds every budget.
        """
        limits = self._limits(scope, cap)
        cost, day = job.estimated_cost_micro_usd, job.accepted_at.date()
        if limits and cost is None:
            raise BudgetExceededError(limits[0][0], limits[0][1], None, None)
        reservations = tuple(
            Reservation(day=day, scope=scope, micro_usd=cost or 0) for scope, _ in limits
        )
        job = job.model_copy(update={"reservations": reservations})
        try:
            created = self.jobs.create(job, [cap for _, cap in limits])
        except BudgetExceededError as error:
            self.metrics.count("BudgetExceeded")
            self._warn(job, limits)
            remaining = max(0, error.cap - self.budgets.reserved(day, error.scope).micro_usd)
            raise BudgetExceededError(error.scope, error.cap, remaining, cost) from None
        if created:
            self._warn(job, limits)
        return created

    def left(self, scope: str, cap: int | None = None) -> list[BudgetLeft]:
        """Return what remains today of each budget that applies: of `scope`, and of the stack.

        `cap` is that of an inbox folder, as in `create`.
        """
        day = self.now().date()
        return [
            BudgetLeft(scope, cap, max(0, cap - self.budgets.reserved(day, scope).micro_usd))
            for scope, cap in self._limits(scope, cap)
        ]

    def _limits(self, scope: str, cap: int | None) -> list[tuple[str, int]]:
        """Return the budgets that apply, each with its amount in micro-USD."""
        own_cap = self.budgets.cap(scope) if cap is None else cap
        caps = {scope: own_cap, STACK: self.stack_micro_usd}
        return [(scope, cap) for scope, cap in caps.items() if cap is not None]

    def _warn(self, job: Job, limits: list[tuple[str, int]]) -> None:
        """Publish one event a day and budget when 80 % of the budget is reserved."""
        day = job.accepted_at.date()
        for scope, cap in limits:
            reserved = self.budgets.reserved(day, scope)
            if reserved.micro_usd < cap * _THRESHOLD or reserved.warned:
                continue
            # Publish before recording. After a crash between the two, the event is published again
            # with the same id.
            self.events.publish(
                events.BudgetThresholdReached.of(
                    day, scope, cap, reserved.micro_usd, job.request_id
                )
            )
            self.budgets.warn(day, scope)
            self.metrics.count("BudgetThresholdReached")
