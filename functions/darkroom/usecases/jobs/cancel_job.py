"""Cancel a job: free before the submit. After the submit, the outputs are stored as canceled."""

from contextlib import suppress
from dataclasses import dataclass

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.chain_state import ChainStatus
from darkroom.domain.errors import Code, EndedError
from darkroom.domain.job import Job, Status
from darkroom.ports import Audit, Clock, Jobs
from darkroom.usecases.jobs.end_chain import EndChain
from darkroom.usecases.jobs.end_job import EndJob
from darkroom.usecases.jobs.find_jobs import FindJobs

# A job moves between `queued` and `submitting` while the provider rate-limits submits.
_TRIES = 5
_SENT = (Status.SUBMITTING, Status.SUBMITTED)


@dataclass(frozen=True)
class CancelJob:
    """Cancel a job, or mark a submitted job as canceled."""

    find: FindJobs
    jobs: Jobs
    end: EndJob
    end_chain: EndChain
    audit: Audit
    now: Clock

    def run(self, caller: Caller, job_id: str) -> Job:
        """Return the job, either ended or still open with `canceled_at`. Idempotent.

        A job of a chain ends the whole chain: no further step starts, and the current one is
        canceled. Raises NotFoundError, or EndedError if the job, or its chain, has ended and was
        not canceled.
        """
        job = self.find.one(caller, job_id)
        chain = self.end_chain.cancel(job)
        if chain is None or chain.status is not ChainStatus.CANCELED:
            return self._cancel(caller, job_id)
        if chain.jobs:
            with suppress(EndedError):
                self._cancel(caller, chain.jobs[-1].job_id)
        return self.find.one(caller, job_id)

    def _cancel(self, caller: Caller, job_id: str) -> Job:
        for _ in range(_TRIES):
            job = self.find.one(caller, job_id)
            if job.code is Code.CANCELED:
                return self.end.publish_end(job)  # the event is missing after a crash
            if job.status in _SENT and job.canceled_at is not None:
                return job
            if not job.is_open:
                raise EndedError(f"The job has already {job.status}, so it cannot be canceled.")
            updated = (
                self.end.cancel(job_id)
                if job.status is Status.QUEUED
                else self.jobs.update(job_id, when=_SENT, canceled_at=self.now())
            )
            if updated is not None:
                self.audit.record(audit.entry(self.now(), Act.JOB_CANCELED, job_id, caller))
                return updated
        raise RuntimeError(f"the job changed its status {_TRIES} times during the cancellation")
