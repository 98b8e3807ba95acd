"""Resume a chain: go on from the step that has failed. Finished steps are not paid again."""

from dataclasses import dataclass

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.chain_state import ChainStatus
from darkroom.domain.errors import NotResumableError
from darkroom.domain.job import Job
from darkroom.domain.sweeping import INTERVAL
from darkroom.ports import Audit, Clock, Jobs
from darkroom.usecases.jobs.budget import Budget
from darkroom.usecases.jobs.continue_chain import ContinueChain
from darkroom.usecases.jobs.find_jobs import FindJobs
from darkroom.usecases.jobs.read_chain import ReadChain


@dataclass(frozen=True)
class ResumeChain:
    """Reopen a chain that has failed or was canceled, and continue it."""

    find: FindJobs
    jobs: Jobs
    read: ReadChain
    budget: Budget
    continue_chain: ContinueChain
    audit: Audit
    now: Clock

    def run(self, caller: Caller, job_id: str) -> Job:
        """Return the first job of the chain. The price of the remaining steps is reserved anew.

        Raises NotFoundError, ForbiddenError, BudgetExceededError, or NotResumableError if the job
        has no chain or its chain has not failed.
        """
        state = self.read.run(self.find.one(caller, job_id))
        if state is None:
            raise NotResumableError("This job has no chain. Send the request again with a new key.")
        root = state.root
        if state.status is ChainStatus.RUNNING:
            raise NotResumableError("The chain is running, so there is nothing to resume.")
        if state.status is ChainStatus.COMPLETED:
            raise NotResumableError("The chain has completed, so there is nothing to resume.")
        if root.chain_erased_at is not None:
            raise NotResumableError("A job of the chain was erased. Send the request again.")
        if state.jobs and state.jobs[-1].is_open:
            raise NotResumableError(
                "A canceled job of the chain is still running. Try again later."
            )
        finished = state.finished
        for model in state.models[len(finished) :]:
            caller.require_model(model)
        reopened = self.budget.reopen_chain(
            root,
            state.prices[len(finished) :],
            key_id=caller.key_id,
            chain_jobs=tuple(job.job_id for job in finished),
            chain_replaced=(
                *root.chain_replaced,
                *(job.job_id for job in state.jobs[len(finished) :]),
            ),
            chain_attempt=root.chain_attempt + 1,
            chain_ended_at=None,
            chain_code=None,
            chain_detail=None,
            chain_published_at=None,
            sweep_after=self.now() + INTERVAL,
        )
        if reopened:
            self.audit.record(audit.entry(self.now(), Act.CHAIN_RESUMED, root.job_id, caller))
        # A simultaneous resume has reopened the chain otherwise.
        self.continue_chain.run(root.job_id)
        return self.jobs.get(root.job_id) or root
