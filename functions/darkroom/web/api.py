"""The HTTP API: its routes over the use cases, and what an error looks like on each."""

import time
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.domain.errors import DarkroomError, NotFoundError
from darkroom.observability import logger, tell_crash
from darkroom.web import problems
from darkroom.web.batches import BatchRoutes
from darkroom.web.contract import WAVESPEED_PREFIX
from darkroom.web.dependencies import Dependencies
from darkroom.web.problems import MediaTypeError, TooLargeError
from darkroom.web.replies import reply
from darkroom.web.studio import Studio
from darkroom.web.v1 import V1
from darkroom.web.wavespeed_compat import WaveSpeedRoutes

_EXPOSED = ["Location", "ETag", "Retry-After"]
_ACCEPTED = ["Idempotency-Key", "If-None-Match"]


class Api:
    """The door itself."""

    def __init__(self, dependencies: Dependencies) -> None:
        origin = dependencies.allowed_origin
        cors = CORSConfig(
            allow_origin=origin, allow_headers=_ACCEPTED, expose_headers=_EXPOSED, max_age=600
        )
        self._app = APIGatewayRestResolver(cors=cors if origin else None)
        self._app.exception_handler([DarkroomError, TooLargeError, MediaTypeError])(self._refuse)
        self._app.exception_handler(Exception)(self._crash)
        self._app.not_found(self._refuse_route)
        V1(self._app, dependencies)
        BatchRoutes(self._app, dependencies)
        WaveSpeedRoutes(self._app, dependencies)
        Studio(self._app, dependencies)

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer a request of API Gateway."""
        start = time.monotonic()
        answer = self._app.resolve({**event, "path": _own_path(event)}, context)
        authorizer = event["requestContext"].get("authorizer") or {}
        logger.info(
            "api",
            method=event.get("httpMethod"),
            route=event.get("resource"),
            status=answer["statusCode"],
            caller=authorizer.get("name"),
            key=authorizer.get("principalId"),
            seconds=round(time.monotonic() - start, 3),
        )
        return answer

    def _refuse_route(self, _: Exception) -> Response[str]:
        return self._refuse(NotFoundError("there is no such route"))

    def _crash(self, error: Exception) -> Response[str]:
        tell_crash(error)
        return self._refuse(error)

    def _refuse(self, error: Exception) -> Response[str]:
        problem = problems.problem_of(error, self._app.current_event.http_method)
        if self._app.current_event.path.startswith(WAVESPEED_PREFIX):
            # The provider's own envelope.
            return reply(problem.status, {"code": problem.status, "message": problem.detail})
        told = problem.model_dump(mode="json", exclude_none=True)
        return reply(problem.status, told, content_type=problems.CONTENT_TYPE)


def _own_path(event: dict[str, Any]) -> str:
    """Return the path as our routes have it: a custom domain may map the API below its root."""
    path: str = event["path"]
    resource: str = event.get("resource") or ""
    if resource == "/":
        return resource
    fixed = resource.partition("{")[0]
    return path[max(0, path.find(fixed)) :] if fixed else path
