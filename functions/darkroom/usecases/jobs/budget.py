"""Budget: daily spending limits of a caller and of the whole deployment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

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
        day = job.accepted_at.date()
        own = self._reservations(day, limits, [job.estimated_cost_micro_usd])
        further: tuple[Reservation, ...] = ()
        if job.chain_request is not None:
            prices = [step.estimated_cost_micro_usd for step in job.chain_request.steps]
            further = self._reservations(day, limits, prices)
        job = job.model_copy(update={"reservations": own, "chain_reservations": further})
        with self._explained(day, job.request_id, limits):
            created = self.jobs.create(job, [cap for _, cap in limits])
        if created:
            self._warn(day, job.request_id, limits)
        return created

    def reopen_chain(self, root: Job, prices: Sequence[int | None], **changes: Any) -> bool:
        """Change the ended chain of `root`, and reserve the `prices` of its remaining steps.

        Return False if the chain has changed since `root` was read. Raises BudgetExceededError.
        """
        chain = root.chain_request
        cap = None if chain is None else chain.daily_budget_micro_usd
        scope = (chain and chain.budget_scope) or root.caller
        limits = self._limits(scope, cap)
        day = self.now().date()
        reservations = self._reservations(day, limits, prices)
        with self._explained(day, root.request_id, limits):
            reopened = self.jobs.change_chain(
                root,
                reserve=[(r, cap) for r, (_, cap) in zip(reservations, limits, strict=True)],
                chain_reservations=reservations,
                **changes,
            )
        if reopened:
            self._warn(day, root.request_id, limits)
        return reopened

    def _reservations(
        self, day: date, limits: Sequence[tuple[str, int]], prices: Sequence[int | None]
    ) -> tuple[Reservation, ...]:
        """Return the reservation of the prices in each budget. Raises BudgetExceededError."""
        known = [price for price in prices if price is not None]
        if limits and len(known) < len(prices):
            raise BudgetExceededError(limits[0][0], limits[0][1], None, None)
        return tuple(Reservation(day=day, scope=scope, micro_usd=sum(known)) for scope, _ in limits)

    @contextmanager
    def _explained(
        self, day: date, request_id: str, limits: list[tuple[str, int]]
    ) -> Iterator[None]:
        """Raise BudgetExceededError with what is left of the budget, and warn."""
        try:
            yield
        except BudgetExceededError as error:
            self.metrics.count("BudgetExceeded")
            self._warn(day, request_id, limits)
            remaining = max(0, error.cap - self.budgets.reserved(day, error.scope).micro_usd)
            raise BudgetExceededError(error.scope, error.cap, remaining, error.cost) from None

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

    def _warn(self, day: date, request_id: str, limits: list[tuple[str, int]]) -> None:
        """Publish one event a day and budget when 80 % of the budget is reserved."""
        for scope, cap in limits:
            reserved = self.budgets.reserved(day, scope)
            if reserved.micro_usd < cap * _THRESHOLD or reserved.warned:
                continue
            # Publish before recording. After a crash between the two, the event is published again
            # with the same id.
            self.events.publish(
                events.BudgetThresholdReached.of(day, scope, cap, reserved.micro_usd, request_id)
            )
            self.budgets.warn(day, scope)
            self.metrics.count("BudgetThresholdReached")
