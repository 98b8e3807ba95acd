"""Find jobs of a caller: one by id, one after a change, or a page."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from darkroom.domain.callers import Caller
from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import NotFoundError
from darkroom.domain.identity import is_job_id
from darkroom.domain.job import Job
from darkroom.domain.job_filter import JobFilter
from darkroom.ports import Cursor, Jobs, Sleep
from darkroom.usecases.jobs.read_chain import ReadChain

_POLL_INTERVAL = 1.0  # seconds
# A filtered list reads at most this many records, in pages, and then returns what matched.
_PAGE, _MAX_PAGES = 100, 10
# Bytes of records after which a page ends. A Lambda response has at most 6 MB, and inputs are long.
_MAX_BYTES = 2_000_000
_ALL = JobFilter()


@dataclass(frozen=True)
class FoundJob:
    """A job, and its chain; None if the job has no further steps."""

    job: Job
    chain: ChainState | None = None

    @property
    def is_open(self) -> bool:
        """Whether the job, or a job of its chain, still runs or will start."""
        is_chain_open = self.chain is not None and self.chain.root.has_open_chain
        return self.job.is_open or self.current.is_open or is_chain_open

    @property
    def current(self) -> Job:
        """The job, or the current job of its chain if the job has ended."""
        jobs = self.chain.jobs if self.chain else ()
        return jobs[-1] if jobs and not self.job.is_open else self.job

    @property
    def revision(self) -> str:
        """A digest of the fields that the API returns."""
        return self.job.revision if self.chain is None else self.chain.revision(self.job)


@dataclass(frozen=True)
class FindJobs:
    """Read the job records that a caller may read."""

    jobs: Jobs
    read_chain: ReadChain
    sleep: Sleep
    monotonic: Callable[[], float] = time.monotonic

    def one(self, caller: Caller, job_id: str) -> Job:
        """Return the job. Raises NotFoundError if it is missing or belongs to another caller."""
        job = self.jobs.get(job_id) if is_job_id(job_id) else None
        if job is None or not caller.owns(job.caller):
            raise NotFoundError("This job does not exist, or it belongs to another caller.")
        return job

    def with_chain(self, caller: Caller, job_id: str) -> FoundJob:
        """Return the job and its chain. Raises NotFoundError, as `one` does."""
        job = self.one(caller, job_id)
        return FoundJob(job, self.read_chain.run(job))

    def changed(
        self, caller: Caller, job_id: str, *, seconds: float, known: Collection[str] = ()
    ) -> FoundJob:
        """Return the job once it and its chain have ended, or changed, or `seconds` have passed.

        A change is a revision that is not in `known`.

        Without `known`, the call waits for the next change.
        """
        deadline = self.monotonic() + seconds
        found = self.with_chain(caller, job_id)
        known = known or {found.revision}
        while found.is_open and found.revision in known:
            remaining = deadline - self.monotonic()
            if remaining <= 0:
                break
            self.sleep(min(_POLL_INTERVAL, remaining))
            found = self.with_chain(caller, job_id)
        return found

    def page(
        self,
        caller: str | None,
        condition: JobFilter = _ALL,
        *,
        limit: int,
        after: Cursor | None,
    ) -> tuple[list[Job], Cursor | None]:
        """Return up to `limit` jobs, newest first, and the next cursor, which is None at the end.

        `caller` None returns jobs of all callers. Hidden jobs are left out. A page may have fewer
        jobs, or none, before the end.
        """
        matches: list[Job] = []
        end = condition.before
        if end is not None and (after is None or after.accepted_at > end):
            after = Cursor(end, "")
        size_so_far = 0
        for _ in range(_MAX_PAGES):
            size = limit if condition == _ALL else _PAGE
            jobs, next_cursor = self.jobs.page(caller, limit=size, after=after)
            for job in jobs:
                if condition.is_older(job):  # and so are all further jobs
                    return matches, None
                if job.hidden_at is not None or not condition.matches(job):
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
