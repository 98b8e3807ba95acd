"""Cancel: free and certain before the submit; after it, the result is filed as canceled."""

from dataclasses import dataclass

from darkroom.domain.callers import Caller
from darkroom.domain.errors import Code, EndedError
from darkroom.domain.job import Job, Status
from darkroom.ports import Clock, Jobs
from darkroom.usecases.end_job import EndJob
from darkroom.usecases.find_jobs import FindJobs

# A job moves between `queued` and `submitting` as the provider puts it off.
_TRIES = 5
_SENT = (Status.SUBMITTING, Status.SUBMITTED)


@dataclass(frozen=True)
class CancelJob:
    """Take back what was asked for, as far as that is possible."""

    find: FindJobs
    jobs: Jobs
    end: EndJob
    now: Clock

    def __call__(self, caller: Caller, job_id: str) -> Job:
        """Return the job: ended, or still open with `canceled_at`; raises EndedError. Repeatable.

        Raises NotFoundError, too, if there is no such job.
        """
        for _ in range(_TRIES):
            job = self.find.one(caller, job_id)
            if job.code is Code.CANCELED:
                return self.end.publish_end(job)  # a crash may have come before its event
            if job.status in _SENT and job.canceled_at is not None:
                return job
            if not job.is_open:
                raise EndedError(f"the job has {job.status}: there is nothing to cancel")
            moved = (
                self.end.cancel(job_id)
                if job.status is Status.QUEUED
                else self.jobs.update(job_id, when=_SENT, canceled_at=self.now())
            )
            if moved is not None:
                return moved
        raise RuntimeError("the job moves too fast to be canceled")
