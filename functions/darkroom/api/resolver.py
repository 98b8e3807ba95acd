"""The HTTP API: registers the routes and converts errors to responses."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.api import problems
from darkroom.api.headers import SECURITY_HEADERS
from darkroom.api.http import reply
from darkroom.api.problems import MediaTypeError, TooLargeError, TooManyRequestsError
from darkroom.domain.errors import DarkroomError, NotFoundError
from darkroom.domain.wavespeed_prediction import WAVESPEED_PREFIX
from darkroom.observability import log_crash, logger

if TYPE_CHECKING:
    from darkroom.app import App

# Registers routes on a resolver.
type RouteGroup = Callable[[APIGatewayRestResolver, "App"], object]

_EXPOSED = ["Location", "ETag", "Retry-After"]


class Api:
    """The routes of the HTTP API that one function serves."""

    def __init__(self, app: "App", *groups: RouteGroup) -> None:
        origin = app.settings.allowed_origin
        # API Gateway answers preflights itself.
        cors = CORSConfig(allow_origin=origin, expose_headers=_EXPOSED)
        self._resolver = APIGatewayRestResolver(cors=cors if origin else None)
        self._limit_requests = app.limit_requests
        self._resolver.use([self._limit])
        self._resolver.exception_handler(
            [DarkroomError, TooLargeError, MediaTypeError, TooManyRequestsError]
        )(self._refuse)
        self._resolver.exception_handler(Exception)(self._crash)
        self._resolver.not_found(self._refuse_route)
        for register in groups:
            register(self._resolver, app)

    def resolve(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Return the response to an API Gateway event, and log the request."""
        start = time.monotonic()
        response = self._resolver.resolve({**event, "path": _route_path(event)}, context)
        response["multiValueHeaders"] |= {name: [text] for name, text in SECURITY_HEADERS.items()}
        authorizer = event["requestContext"].get("authorizer") or {}
        logger.info(
            "api",
            method=event.get("httpMethod"),
            route=event.get("resource"),
            status=response["statusCode"],
            caller=authorizer.get("name"),
            key=authorizer.get("principalId"),
            seconds=round(time.monotonic() - start, 3),
        )
        return response

    def _limit(
        self, resolver: APIGatewayRestResolver, next_middleware: NextMiddleware
    ) -> Response[str]:
        """Count a request with a key; refuse it above the limit of the key."""
        authorizer = resolver.current_event["requestContext"].get("authorizer") or {}
        limit = self._limit_requests
        if authorizer and (seconds := limit.run(authorizer["principalId"])):
            raise TooManyRequestsError(seconds, limit.per_minute)
        return next_middleware(resolver)

    def _refuse_route(self, _: Exception) -> Response[str]:
        return self._refuse(
            NotFoundError("This route does not exist. Check the method and the path.")
        )

    def _crash(self, error: Exception) -> Response[str]:
        log_crash(error)
        return self._refuse(error)

    def _refuse(self, error: Exception) -> Response[str]:
        event = self._resolver.current_event
        problem = problems.problem_of(error, event.http_method, event.path)
        headers = {}
        if isinstance(error, TooManyRequestsError):
            headers["Retry_After"] = str(error.seconds)
        if event.path.startswith(WAVESPEED_PREFIX):
            envelope = {"code": problem.status, "message": problem.detail}  # the provider's
            return reply(problem.status, envelope, **headers)
        body = problem.model_dump(mode="json", exclude_none=True)
        return reply(problem.status, body, content_type=problems.CONTENT_TYPE, **headers)


def _route_path(event: dict[str, Any]) -> str:
    """Return the path without the base path of a custom domain."""
    path: str = event["path"]
    resource: str = event.get("resource") or ""
    if resource == "/":
        return resource
    prefix = resource.partition("{")[0]
    return path[max(0, path.find(prefix)) :] if prefix else path
