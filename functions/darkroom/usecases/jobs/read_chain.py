"""Read the state of a chain."""

from dataclasses import dataclass

from darkroom.domain import chain_state
from darkroom.domain.chain_state import ChainState
from darkroom.domain.job import Job
from darkroom.ports import Jobs


@dataclass(frozen=True)
class ReadChain:
    """Read the records of a chain with consistent reads."""

    jobs: Jobs

    def run(self, job: Job) -> ChainState | None:
        """Return the chain of any of its jobs; None if the job has no chain."""
        if job.chain_request is None:
            return None if job.chain_id is None else self.by_id(job.chain_id)
        return self._state(job)

    def by_id(self, chain_id: str) -> ChainState | None:
        """Return a chain; None without one."""
        return self._state(self.jobs.get(chain_id))

    def _state(self, root: Job | None) -> ChainState | None:
        if root is None or root.chain_request is None:
            return None
        others = {*root.chain_jobs, *root.chain_replaced} - {root.job_id}
        return chain_state.of(root, self.jobs.many(sorted(others)) if others else [])
