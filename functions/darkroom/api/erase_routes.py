"""The route that erases a job. Its function alone may delete the objects of jobs."""

from typing import TYPE_CHECKING

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from darkroom.api.http import HttpRequest
from darkroom.api.job_reply import JobReply

if TYPE_CHECKING:
    from darkroom.app import App


class EraseRoutes:
    """Registers the route on a resolver."""

    def __init__(self, resolver: APIGatewayRestResolver, app: "App") -> None:
        self._resolver = resolver
        self._erase_job = app.erase_job
        self._reply = JobReply(app)
        resolver.delete("/v1/jobs/<job_id>/data")(self.erase_job)

    def erase_job(self, job_id: str) -> Response[str]:
        """Erase the content of a job."""
        request = HttpRequest.of(self._resolver.current_event)
        request.only()
        request.must_submit()
        job = self._erase_job.run(request.caller, job_id)
        return self._reply.run(200 if job.erased_at else 202, self._reply.found(job))
