"""Note the outcome of an upload's job in errors/, for people who have only the buckets."""

from dataclasses import dataclass

from darkroom.domain import uploads
from darkroom.domain.job import Job, Status
from darkroom.ports import Assets, Clock, Inbox, Jobs


@dataclass(frozen=True)
class NoteOutcome:
    """Write the note of a failed job; remove it after the job has completed or was recovered."""

    jobs: Jobs
    inbox: Inbox
    assets: Assets
    now: Clock

    def run(self, job_id: str) -> Job | None:
        """Return the job, or None if it does not exist. Idempotent.

        Only the newest version of an upload has a note. A version that was deleted without a
        replacement keeps its note.
        """
        job = self.jobs.get(job_id)
        if job is None or job.source is None or job.is_open or job.erasing_at is not None:
            return job
        if self.inbox.find(job.source.key) not in (None, job.source):
            return job
        key = uploads.error_key(job.source.key)
        if job.status is Status.FAILED and not job.is_recovered:
            self.assets.write_json(key, uploads.failed_note(job, job.source, self.now()))
        else:
            self.assets.remove(key)
        return job
