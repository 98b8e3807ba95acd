"""Continue a chain: start the next step, or end the chain. It reads only the current state."""

from dataclasses import dataclass

from darkroom.domain.chain import MissingOutputError
from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Reservation
from darkroom.domain.sweeping import INTERVAL
from darkroom.ports import Clock, Jobs, Metrics, Workflow
from darkroom.usecases.jobs.end_chain import EndChain
from darkroom.usecases.jobs.read_chain import ReadChain

# Another run, or a cancellation, has changed the chain since it was read.
_TRIES = 10


@dataclass(frozen=True)
class ContinueChain:
    """Start the next step of a chain, exactly once, or end the chain."""

    jobs: Jobs
    read: ReadChain
    end: EndChain
    workflow: Workflow
    metrics: Metrics
    now: Clock

    def run(self, chain_id: str) -> ChainState | None:
        """Return the chain; None without one. Duplicate, late and reordered calls do no harm."""
        for _ in range(_TRIES):
            state = self.read.by_id(chain_id)
            if state is None:
                return None
            if not state.root.has_open_chain:
                self.end.publish(chain_id)
                return state
            current = state.jobs[-1] if state.jobs else None
            if current is not None and current.is_open:
                return state
            self._move_on(state, current)
        raise RuntimeError("too many conflicts on a chain")

    def _move_on(self, state: ChainState, current: Job | None) -> None:
        """Create the job of the next step, or end the chain, unless the chain has changed."""
        if current is not None and not current.has_result:
            self.end.run(state, current.code or Code.INTERNAL_ERROR)
        elif len(state.jobs) == state.steps:
            self.end.run(state, None)
        else:
            self._start_next(state)

    def _start_next(self, state: ChainState) -> None:
        root, now = state.root, self.now()
        try:
            job = state.next_job(now)
        except MissingOutputError as error:
            self.end.run(state, Code.INVALID_REQUEST, str(error))
            return
        created = self.jobs.change_chain(
            root,
            create=job,
            chain_jobs=(*root.chain_jobs, job.job_id),
            chain_reservations=_without(root, job) or None,
            sweep_after=now + INTERVAL,
        )
        if created:
            self.metrics.count("JobsAccepted")
            self.workflow.start(job.job_id)  # after a crash before it, the sweep starts the job


def _without(root: Job, job: Job) -> tuple[Reservation, ...]:
    """Return the chain's reservations after the part of the step has become the job's own."""
    return tuple(
        whole.model_copy(update={"micro_usd": whole.micro_usd - part.micro_usd})
        for whole, part in zip(root.chain_reservations, job.reservations, strict=True)
    )
