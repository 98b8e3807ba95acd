"""The route that erases a job. Its function alone may delete the objects of jobs."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api import views
from darkroom.api.http import HttpRequest, reply
from darkroom.observability import correlate
from darkroom.usecases.jobs.find_jobs import FoundJob

if TYPE_CHECKING:
    from darkroom.app import App


class EraseRoutes:
    """Registers the route on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._erase_job = app.erase_job
        self._read_chain = app.read_chain
        self._references = app.ports.references
        self._settings = app.settings
        resolver.delete("/v1/jobs/<job_id>/data")(self.erase_job)

    def erase_job(self, job_id: str) -> Response[str]:
        """Erase the content of a job."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only()
        request.must_submit()
        job = self._erase_job.run(request.caller, job_id)
        correlate(job.job_id)
        chain = self._read_chain.run(job)
        view = views.job_view(
            job,
            self._references.presign,
            self._settings.duration_scale,
            self._settings.assets_bucket,
            chain,
        )
        etag = views.etag(FoundJob(job, chain))
        return reply(200 if job.erased_at else 202, view, ETag=etag)
