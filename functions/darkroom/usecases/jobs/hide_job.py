"""Hide a job: lists leave it out. The record and the outputs are kept, because they cost money."""

from contextlib import suppress
from dataclasses import dataclass

from darkroom.domain.callers import Caller
from darkroom.domain.errors import EndedError, NotFoundError
from darkroom.domain.job import Job, Status
from darkroom.ports import Clock, Jobs
from darkroom.usecases.jobs.cancel_job import CancelJob
from darkroom.usecases.jobs.find_jobs import FindJobs


@dataclass(frozen=True)
class HideJob:
    """Cancel an open job or chain, and hide the job."""

    find: FindJobs
    cancel: CancelJob
    jobs: Jobs
    now: Clock

    def run(self, caller: Caller, job_id: str) -> Job:
        """Return the hidden job. Raises NotFoundError, also if the job was hidden before."""
        job = self.find.one(caller, job_id)
        if job.is_open or job.has_open_chain:
            with suppress(EndedError):  # it ended in the meantime
                self.cancel.run(caller, job_id)
        hidden = self.jobs.update(
            job_id, when=list(Status), absent="hidden_at", hidden_at=self.now()
        )
        if hidden is None:
            raise NotFoundError("This job does not exist, or it belongs to another caller.")
        return hidden
