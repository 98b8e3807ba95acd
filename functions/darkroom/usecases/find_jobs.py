"""Find: a caller's jobs, one by its id, once it has changed, or page by page."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from darkroom.domain.callers import Caller
from darkroom.domain.errors import NotFoundError
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job, Status
from darkroom.domain.requests import Operation
from darkroom.ports import Cursor, JobLists, Jobs, Sleep

_POLL_INTERVAL = 1.0  # seconds
# A rare status makes a list look at many records: after so many it hands out what it has.
_PAGE, _MAX_PAGES = 100, 10
# Bytes of records on one page, or one job: a function may answer with 6 MB, and inputs are long.
_MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class FindJobs:
    """What a caller may see of the records."""

    jobs: Jobs
    lists: JobLists
    sleep: Sleep
    monotonic: Callable[[], float] = time.monotonic

    def one(self, caller: Caller, job_id: str) -> Job:
        """Return the job; raises NotFoundError, also if it is another caller's."""
        job = self.jobs.get(job_id) if is_job_id(job_id) else None
        if job is None or not caller.owns(job.caller):
            raise NotFoundError("there is no such job")
        return job

    def changed(
        self, caller: Caller, job_id: str, *, seconds: float, known: Collection[str] = ()
    ) -> Job:
        """Return the job once it has ended or is at no revision in `known`, or after a while.

        Without `known`, a change from now on is waited for.
        """
        give_up_at = self.monotonic() + seconds
        job = self.one(caller, job_id)
        seen = known or {job.revision}
        while job.is_open and job.revision in seen:
            left = give_up_at - self.monotonic()
            if left <= 0:
                break
            self.sleep(min(_POLL_INTERVAL, left))
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
        """Return up to `limit` jobs, newest first, and where to go on; None at the end.

        `caller` None: everybody's; `text` is looked for in prompts, in capitals or not. There may
        be fewer, or none, before the end is reached.
        """
        found: list[Job] = []
        words = None if text is None else text.casefold()
        is_narrow = (status, operation, words, batch_id) != (None,) * 4
        size_so_far = 0
        for _ in range(_MAX_PAGES):
            size = _PAGE if is_narrow else limit
            jobs, further = self.lists.page(caller, limit=size, after=after)
            for job in jobs:
                if status not in (None, job.status) or operation not in (None, job.operation):
                    continue
                if batch_id not in (None, job.batch_id):
                    continue
                if words is not None and words not in str(job.input.get("prompt", "")).casefold():
                    continue
                found.append(job)
                size_so_far += len(job.model_dump_json().encode())
                if len(found) == limit or size_so_far > _MAX_BYTES:
                    is_last = further is None and job is jobs[-1]
                    return found, None if is_last else Cursor(job.accepted_at, job.job_id)
            if further is None:
                return found, None
            after = further
        return found, after
