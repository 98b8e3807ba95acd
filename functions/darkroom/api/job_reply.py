"""The response with one job, for every function that serves a route of jobs."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import Response

from darkroom.api import views
from darkroom.api.http import reply
from darkroom.domain.job import Job
from darkroom.domain.queue_places import QueuePlace
from darkroom.observability import correlate
from darkroom.usecases.jobs.find_jobs import FoundJob

if TYPE_CHECKING:
    from darkroom.app import App


class JobReply:
    """Builds the response with a job and its chain."""

    def __init__(self, app: "App") -> None:
        self._read_chain = app.read_chain
        self._references = app.ports.references
        self._settings = app.settings
        self._now = app.ports.now

    def found(self, job: Job) -> FoundJob:
        """Return the job with its chain."""
        return FoundJob(job, self._read_chain.run(job))

    def run(
        self, status: int, found: FoundJob, place: QueuePlace | None = None, **headers: str
    ) -> Response[str]:
        """Return the response. `place` is the place of a queued job."""
        correlate(found.job.job_id)
        scale = self._settings.duration_scale
        if found.is_open:
            headers["Retry_After"] = str(views.retry_after(found.current, self._now(), scale))
        view = views.job_view(
            found.job,
            self._references.presign,
            scale,
            self._settings.assets_bucket,
            found.chain,
            place,
        )
        return reply(status, view, ETag=views.etag(found), **headers)
