"""Read the record of a job that a step is about."""

from darkroom.domain.job import Job
from darkroom.ports import Jobs


def known_job(jobs: Jobs, job_id: str) -> Job:
    """Return the record; raises LookupError, a crash, if there is none."""
    job = jobs.get(job_id)
    if job is None:
        raise LookupError("there is no record of this job")
    return job
