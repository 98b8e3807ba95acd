"""Note the outcome of an upload's job in errors/, for people who have only the buckets."""

from dataclasses import dataclass
from typing import Any

from darkroom.domain import uploads
from darkroom.domain.chain_state import ChainState
from darkroom.domain.job import Job, Status
from darkroom.domain.references import S3Object
from darkroom.ports import Assets, Clock, Inbox, Jobs
from darkroom.usecases.jobs.read_chain import ReadChain


@dataclass(frozen=True)
class NoteOutcome:
    """Write the note of a failed job or chain; remove it after its success or a recovery."""

    jobs: Jobs
    read_chain: ReadChain
    inbox: Inbox
    assets: Assets
    now: Clock

    def run(self, job_id: str) -> Job | None:
        """Return the job, or None if it does not exist. Idempotent: reads the current state only.

        Only the newest version of an upload has a note. A version that was deleted without a
        replacement keeps its note.
        """
        job = self.jobs.get(job_id)
        if job is None or job.source is None or job.is_open or job.erasing_at is not None:
            return job
        chain = self.read_chain.run(job)
        if chain is not None and chain.root.has_open_chain:
            return job
        source = (job if chain is None else chain.root).source or job.source
        if self.inbox.find(source.key) not in (None, source):
            return job
        key = uploads.error_key(source.key)
        note = self._note(job, source) if chain is None else self._note_of_chain(chain, source)
        if note is None:
            self.assets.remove(key)
        else:
            self.assets.write_json(key, note)
        return job

    def _note(self, job: Job, source: S3Object) -> dict[str, Any] | None:
        if job.status is not Status.FAILED or job.is_recovered:
            return None
        return uploads.failed_note(job, source, self.now())

    def _note_of_chain(self, chain: ChainState, source: S3Object) -> dict[str, Any] | None:
        failed = chain.failure
        if failed is None:
            return None
        job = next((job for job in chain.jobs if job.job_id == failed.job_id), chain.root)
        return uploads.failed_note(job, source, self.now(), failed)
