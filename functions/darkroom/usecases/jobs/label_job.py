"""Label a job: mark it as a favorite, or replace its tags."""

from dataclasses import dataclass

from darkroom.domain.callers import Caller
from darkroom.domain.errors import NotFoundError
from darkroom.domain.job import Job, Status
from darkroom.ports import Jobs
from darkroom.usecases.jobs.find_jobs import FindJobs


@dataclass(frozen=True)
class LabelJob:
    """Change the labels of a job, whatever its status."""

    find: FindJobs
    jobs: Jobs

    def run(
        self, caller: Caller, job_id: str, *, favorite: bool | None, tags: tuple[str, ...] | None
    ) -> Job:
        """Return the labelled job. None leaves a label as it is. Idempotent.

        Raises NotFoundError, also if the job's content was erased.
        """
        self.find.one(caller, job_id)
        changes: dict[str, object] = {}
        if favorite is not None:
            changes["favorite"] = favorite
        if tags is not None:
            changes["tags"] = tags or None
        labelled = self.jobs.update(job_id, when=list(Status), absent="erasing_at", **changes)
        if labelled is None:
            raise NotFoundError("The content of this job was erased, so it cannot have labels.")
        return labelled
