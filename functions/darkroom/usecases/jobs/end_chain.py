"""End a chain: write its end once, release the unused reservation, and publish its event."""

from dataclasses import dataclass
from typing import Any

from darkroom.domain import chain_events
from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import Code
from darkroom.domain.job import Job
from darkroom.domain.sweeping import sweep_after
from darkroom.ports import Clock, Events, Jobs, Metrics
from darkroom.usecases.jobs.read_chain import ReadChain

# The chain moves on while it is canceled, at most once a step.
_TRIES = 10


@dataclass(frozen=True)
class EndChain:
    """Write the end of a chain, unless it has ended, and publish the terminal event."""

    jobs: Jobs
    read: ReadChain
    events: Events
    metrics: Metrics
    now: Clock

    def run(self, state: ChainState, code: Code | None, detail: str | None = None) -> bool:
        """End the chain; a `code` is the reason of its failure.

        Return False, without a change, if the chain has changed since it was read.
        """
        root, now = state.root, self.now()
        changes: dict[str, Any] = {
            "chain_ended_at": now,
            "chain_code": code,
            "chain_detail": detail,
            "chain_published_at": None,
            "chain_reservations": None,
        }
        if not root.is_open:  # an open job is inspected by its own time
            changes["sweep_after"] = sweep_after(root, now, **changes)
        is_ended = self.jobs.change_chain(root, release=root.chain_reservations, **changes)
        if is_ended:
            name = "ChainsCompleted" if code is None else "ChainsFailed"
            self.metrics.count(name)
            self.publish(root.job_id)
        return is_ended

    def publish(self, chain_id: str) -> None:
        """Publish the terminal event of a chain that has ended, unless it was published.

        A crash between the event and the record repeats the event with the same id.
        """
        state = self.read.by_id(chain_id)
        if state is None or not state.root.has_unpublished_chain or state.root.has_open_chain:
            return
        root = state.root
        self.events.publish(chain_events.ended(state))
        changes: dict[str, Any] = {"chain_published_at": self.now()}
        if not root.is_open:
            changes["sweep_after"] = sweep_after(root, self.now(), **changes)
        self.jobs.change_chain(root, **changes)

    def cancel(self, job: Job) -> ChainState | None:
        """End the chain of a job as canceled, unless it has ended; return the chain.

        The current job is not canceled. Return None if the job has no chain.
        """
        for _ in range(_TRIES):
            state = self.read.run(job)
            if state is None:
                return None
            if not state.root.has_open_chain:
                self.publish(state.root.job_id)  # the event is missing after a crash
                return state
            self.run(state, Code.CANCELED)
            job = self.jobs.get(state.root.job_id) or state.root
        raise RuntimeError(f"the chain changed {_TRIES} times during the cancellation")
