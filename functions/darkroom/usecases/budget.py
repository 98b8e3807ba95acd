"""Budget: what may be spent in a day, by a caller and by the whole deployment."""

from dataclasses import dataclass

from darkroom.domain import events
from darkroom.domain.errors import BudgetExceededError
from darkroom.domain.job import Job, Reservation
from darkroom.ports import Budgets, Clock, Events, Jobs, Metrics

# The whole deployment's scope: no caller's name has this form.
STACK = "STACK"
_THRESHOLD = 0.8


@dataclass(frozen=True)
class Budget:
    """Hold a job's price of each budget that it falls under, as its record is created."""

    jobs: Jobs
    budgets: Budgets
    events: Events
    metrics: Metrics
    now: Clock
    stack_micro_usd: int | None

    def create(self, job: Job, caller_cap: int | None) -> bool:
        """Store the job with what it holds; False if it is there; raises BudgetExceededError.

        A price that is not known cannot be reserved, and so fits into no budget.
        """
        caps = {job.caller: caller_cap, STACK: self.stack_micro_usd}
        limits = [(scope, cap) for scope, cap in caps.items() if cap is not None]
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
            left = max(0, error.cap - self.budgets.reserved(day, error.scope).micro_usd)
            raise BudgetExceededError(error.scope, error.cap, left, cost) from None
        if created:
            self._warn(job, limits)
        return created

    def left(self, caller: str, daily_micro_usd: int) -> int:
        """Return micro-USD, 0 or more, of what a caller may spend today."""
        return max(0, daily_micro_usd - self.budgets.reserved(self.now().date(), caller).micro_usd)

    def _warn(self, job: Job, limits: list[tuple[str, int]]) -> None:
        """Tell the owner once a day when most of a budget is gone."""
        day = job.accepted_at.date()
        for scope, cap in limits:
            reserved = self.budgets.reserved(day, scope)
            if reserved.micro_usd < cap * _THRESHOLD or reserved.warned:
                continue
            # Told first: a crash in between tells it twice, by one id.
            self.events.publish(
                events.BudgetThresholdReached.of(
                    day, scope, cap, reserved.micro_usd, job.request_id
                )
            )
            self.budgets.warn(day, scope)
            self.metrics.count("BudgetThresholdReached")
