"""Share a job: a link that shows its outputs without a key, until it expires or is withdrawn."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.errors import NotEndedError, NotFoundError
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job, Status
from darkroom.ports import Audit, Clock, Jobs
from darkroom.usecases.jobs.find_jobs import FindJobs


@dataclass(frozen=True)
class ShareJob:
    """Create, withdraw and open the link of a job. A job has at most one link."""

    find: FindJobs
    jobs: Jobs
    audit: Audit
    now: Clock

    def run(self, caller: Caller, job_id: str, hours: int) -> tuple[str, datetime]:
        """Return the token of a new link and when it expires. It replaces an earlier link.

        The record has the token's digest only. Raises NotFoundError or NotEndedError.
        """
        job = self.find.one(caller, job_id)
        if job.is_open:
            raise NotEndedError("The job has no outputs yet. Share it after its end.")
        if not job.assets:
            raise NotFoundError("This job has no outputs, so there is nothing to share.")
        token, until = secrets.token_urlsafe(32), self.now() + timedelta(hours=hours)
        shared = self.jobs.update(
            job_id,
            when=list(Status),
            absent=("erasing_at", "hidden_at"),
            shared_until=until,
            share_digest=_digest(token),
        )
        if shared is None:
            raise NotFoundError("The outputs of this job were deleted, so it cannot be shared.")
        value = until.isoformat(timespec="seconds")
        self.audit.record(audit.entry(self.now(), Act.JOB_SHARED, job_id, caller, value))
        return token, until

    def withdraw(self, caller: Caller, job_id: str) -> Job:
        """Return the job without its link. Idempotent. Raises NotFoundError."""
        job = self.find.one(caller, job_id)
        if job.shared_until is None:
            return job
        changed = self.jobs.update(job_id, when=list(Status), shared_until=None, share_digest=None)
        self.audit.record(audit.entry(self.now(), Act.JOB_UNSHARED, job_id, caller))
        return changed or job  # the record has expired

    def open(self, job_id: str, token: str) -> Job | None:
        """Return the job of a valid link; None for any other."""
        job = self.jobs.get(job_id) if is_job_id(job_id) else None
        if job is None or job.share_digest is None or job.shared_until is None:
            return None
        is_valid = hmac.compare_digest(job.share_digest, _digest(token))
        is_deleted = job.erasing_at is not None or job.hidden_at is not None
        return job if is_valid and not is_deleted and self.now() < job.shared_until else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
