"""Chains in memory: the executions of their jobs, and the bus that delivers the ends of jobs."""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from darkroom.domain import chain_state
from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import Charged
from darkroom.domain.events import Event, JobEvent, JobSubmitted
from darkroom.domain.job import Job
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.machine import StateMachine
from tests.fakes.world import World

EDIT: dict[str, Any] = {"prompt": "studio light", "resolution": "4k"}
UPSCALE: dict[str, Any] = {
    "model": "wavespeed-ai/upscaler",
    "input": {"image": "$previous", "scale": 2.5},
}
THREE_STEPS: dict[str, Any] = {
    "operation": "text-to-image",
    "prompt": "a lighthouse in fog",
    "then": [EDIT, UPSCALE],
}
_SWEEPS = 400

# What the bus does with an event: how often it is delivered. 0: it is lost.
type Delivery = Callable[[Event], int]


@dataclass
class ChainMachine:
    """Run the executions, deliver each end of a job to ContinueChain, and sweep.

    A delivery is repeated after a crash, like an invocation of Lambda, up to three times.
    """

    world: World
    deliveries: Delivery = lambda _: 1
    newest_first: bool = False
    seen: int = 0
    pending: list[JobEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = StateMachine(self.world)

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Run until nothing is left to do; sweep when nothing runs."""
        for _ in range(_SWEEPS):
            while not until() and self.step():
                pass
            if until() or not self.sweep():
                return
        raise AssertionError("the chain does not end")

    def step(self) -> bool:
        """Deliver one event, or run one state. Return False if nothing is left to do."""
        events = self.world.events.published[self.seen :]
        self.seen += len(events)
        for event in events:
            if isinstance(event, JobEvent) and not isinstance(event, JobSubmitted):
                self.pending += [event] * self.deliveries(event)
        if self.pending:
            self._deliver(self.pending.pop(-1 if self.newest_first else 0))
            return True
        job_id = self.machine.next_job_id()
        if job_id is None:
            return False
        self.machine.run_next_state(job_id)
        return True

    def sweep(self) -> bool:
        """Sweep once, when the next record is due; return False if none ever is."""
        due = [job.sweep_after for job in self.world.jobs.records.values() if job.sweep_after]
        if not due:
            return False
        self.world.clock.time = max(self.world.clock.time, min(due))
        with contextlib.suppress(SimulatedCrashError):
            self.world.app.sweep_jobs.run()
        return True

    def _deliver(self, event: JobEvent) -> None:
        if event.chain_id is None:
            return
        for _ in range(3):
            try:
                self.world.app.continue_chain.run(event.chain_id)
            except SimulatedCrashError:
                continue
            return


def chain(world: World, root: Job) -> ChainState:
    """Return the current state of a chain."""
    return chain_state.of(world.job(root.job_id), list(world.jobs.records.values()))


def assert_money(world: World) -> None:
    """Assert that the budgets hold the cost of charged jobs, of open jobs, and of steps to come."""
    reserved: Counter[tuple[date, str]] = Counter()
    for job in world.jobs.records.values():
        for kept in (
            *(job.reservations if job.is_open or job.charge is not Charged.NO else ()),
            *job.chain_reservations,
        ):
            reserved[kept.day, kept.scope] += kept.micro_usd
    amounts = {budget: amount for budget, amount in world.jobs.budgets.amounts.items() if amount}
    assert amounts == {budget: amount for budget, amount in reserved.items() if amount}


def assert_one_end(world: World, root: Job) -> None:
    """Assert that the chain has ended, with one event id for each attempt."""
    record = world.job(root.job_id)
    assert record.chain_ended_at is not None
    assert record.chain_published_at is not None
    assert record.chain_reservations == ()
    ended = [e for e in world.events.published if type(e).__name__.startswith("Chain")]
    assert len({event.id for event in ended}) == record.chain_attempt + 1
