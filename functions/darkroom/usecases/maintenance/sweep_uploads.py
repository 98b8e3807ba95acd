"""Sweep uploads: run the uploads again that wait for their references."""

from collections.abc import Callable
from dataclasses import dataclass

from darkroom.ports import WaitingUploads
from darkroom.usecases.jobs.upload_job import UploadJob


@dataclass(frozen=True)
class SweepUploads:
    """Start or reject every upload that waits."""

    waiting: WaitingUploads
    upload_job: UploadJob

    def run(self, can_continue: Callable[[], bool] = lambda: True) -> list[str]:
        """Return the ids of the started jobs; stop when `can_continue` returns False.

        Idempotent. An upload whose run fails does not delay the others.
        """
        job_ids: list[str] = []
        failure: Exception | None = None
        for waiting in self.waiting.all():
            if not can_continue():
                break
            try:
                job = self.upload_job.run(
                    waiting.upload, event_id=waiting.event_id, waits_since=waiting.since
                )
            except Exception as error:
                failure = error
            else:
                job_ids += [job.job_id] if job else []
        if failure is not None:
            raise failure
        return job_ids
