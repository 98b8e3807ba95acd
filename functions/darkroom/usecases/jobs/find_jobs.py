"""Find jobs of a caller: one by id, one after a change, or a page."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from darkroom.domain.callers import Caller
from darkroom.domain.errors import NotFoundError
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.requests import Operation
from darkroom.ports import Cursor, Jobs, Sleep

_POLL_INTERVAL = 1.0  # seconds
# A filtered list reads at most this many records, in pages, and then returns what matched.
_PAGE, _MAX_PAGES = 100, 10
# Bytes of records after which a page ends. A Lambda response has at most 6 MB, and inputs are long.
_MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class FindJobs:
    """Read the job records that a caller may read."""

    jobs: Jobs
    sleep: Sleep
    monotonic: Callable[[], float] = time.monotonic

    def one(self, caller: Caller, job_id: str) -> Job:
        """Return the job. Raises NotFoundError if it is missing or belongs to another caller."""
        job = self.jobs.get(job_id) if is_job_id(job_id) else None
        if job is None or not caller.owns(job.caller):
            raise NotFoundError("This job does not exist, or it belongs to another caller.")
        return job

    def changed(
        self, caller: Caller, job_id: str, *, seconds: float, known: Collection[str] = ()
    ) -> Job:
        """Return the job once it has ended, its revision is not in `known`, or `seconds` passed.

        Without `known`, the call waits for the next change.
        """
        deadline = self.monotonic() + seconds
        job = self.one(caller, job_id)
        known = known or {job.revision}
        while job.is_open and job.revision in known:
            remaining = deadline - self.monotonic()
            if remaining <= 0:
                break
            self.sleep(min(_POLL_INTERVAL, remaining))
            job = self.one(caller, job_id)
        return job

    def page(
        self,
        caller: str | None,
        *,
        status: Status | None,
        limit: int,
        after: Cursor | None,
        operation: Operation | None = None,
        text: str | None = None,
        batch_id: str | None = None,
    ) -> tuple[list[Job], Cursor | None]:
        """Return up to `limit` jobs, newest first, and the next cursor, which is None at the end.

        `caller` None returns jobs of all callers. `text` is searched in prompts, ignoring case.
        Hidden jobs are left out. A page may have fewer jobs, or none, before the end.
        """
        matches: list[Job] = []
        words = None if text is None else text.casefold()
        is_filtered = (status, operation, words, batch_id) != (None,) * 4
        size_so_far = 0
        for _ in range(_MAX_PAGES):
            size = _PAGE if is_filtered else limit
            jobs, next_cursor = self.jobs.page(caller, limit=size, after=after)
            for job in jobs:
                if job.hidden_at is not None:
                    continue
                if status not in (None, job.status) or operation not in (None, job.operation):
                    continue
                if batch_id not in (None, job.batch_id):
                    continue
                if words is not None and words not in str(job.input.get("prompt", "")).casefold():
                    continue
                matches.append(job)
                size_so_far += len(job.model_dump_json().encode())
                if len(matches) == limit or size_so_far > _MAX_BYTES:
                    is_last = next_cursor is None and job is jobs[-1]
                    return matches, None if is_last else Cursor(job.accepted_at, job.job_id)
            if next_cursor is None:
                return matches, None
            after = next_cursor
        return matches, after
