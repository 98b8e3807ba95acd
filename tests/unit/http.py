"""An HTTP client that calls the app like API Gateway; checks responses against openapi.yaml."""

import base64
import io
import json
import logging
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml
from aws_lambda_powertools.utilities.typing import LambdaContext
from jsonschema import Draft202012Validator

from darkroom.api.resolver import Api, RouteGroup
from darkroom.domain.job import Job
from darkroom.domain.steps import Outcome, Step
from darkroom.handlers import api, callback_secrets, erase, keys, settings
from darkroom.observability import logger
from tests.fakes.images import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TEXT_TO_IMAGE, World

_API = Path(__file__).parents[2] / "infra" / "api"
DOCUMENT: dict[str, Any] = yaml.safe_load((_API / "openapi.yaml").read_text())
GATEWAY: dict[str, Any] = yaml.safe_load((_API / "gateway.yaml").read_text())
STAGE = "/prod"
HOST = "abc123.execute-api.eu-central-1.amazonaws.com"
CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))
V1_JOBS = "/v1/jobs"
# The routes of each function. All other functions of the document serve no caller.
FUNCTIONS: dict[str, tuple[RouteGroup, ...]] = {
    "ApiFunction": api.routes(),
    "EraseFunction": erase.routes(),
    "KeysFunction": keys.routes(),
    "CallbackSecretsFunction": callback_secrets.routes(),
    "SettingsFunction": settings.routes(),
}
NO_ROUTE = (
    {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    {"application/json": {"schema": {"$ref": "#/components/schemas/WaveSpeedError"}}},
)
# Sent only if the OpenAPI document declares them.
DOCUMENTED_HEADERS = ("Location", "ETag", "Retry-After")


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text, parse_constant=lambda constant: f"{constant} is not JSON")

    @property
    def fields(self) -> list[str]:
        """The fields in the errors of a problem."""
        return [error["field"] for error in self.json["errors"]]


@dataclass
class Client:
    """A client with one API key."""

    world: World = field(default_factory=World)
    name: str = "ada"
    role: str = "submit"
    daily_budget: int | None = None
    key_id: str = "0123456789ab"
    models: str = ""  # separated by spaces
    callback_url: str = ""  # of the key; empty for none
    reuse_seconds: int = 0  # of the key

    def __post_init__(self) -> None:
        if self.daily_budget is not None:
            self.world.jobs.budgets.set_cap(f"key:{self.name}", self.daily_budget)
        app = self.world.app
        self.apis = {name: Api(app, *groups) for name, groups in FUNCTIONS.items()}

    def as_(self, name: str, role: str = "submit") -> "Client":
        """Return a client with another key of the same deployment."""
        return Client(self.world, name, role)

    def get(self, path: str, headers: dict[str, str] | None = None, /, **query: object) -> Response:
        return self.send(
            "GET", path, headers=headers, query={name: str(value) for name, value in query.items()}
        )

    def post(self, path: str, body: object, /, **headers: str) -> Response:
        """Send JSON. Header names are keyword arguments with underscores for dashes."""
        header_values = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, body=json.dumps(body), headers=header_values)

    def patch(self, path: str, body: object) -> Response:
        return self.send("PATCH", path, body=json.dumps(body))

    def delete(self, path: str) -> Response:
        return self.send("DELETE", path)

    def accept_job(self, body: dict[str, Any] | None = None, /, **headers: str) -> Job:
        """Create a job and return its record."""
        response = self.post(V1_JOBS, body or TEXT_TO_IMAGE, **headers)
        assert response.status == 202, response.text
        return self.world.job(response.json["job_id"])

    def send(
        self,
        method: str,
        path: str,
        *,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Response:
        """Send a request. A bytes body becomes base64, as API Gateway encodes binary bodies."""
        return self.resolve(self.event(method, path, body=body, headers=headers, query=query))

    def resolve(self, event: dict[str, Any]) -> Response:
        """Send an API Gateway event unchanged."""
        function = function_of(event["httpMethod"], event["path"]) or "ApiFunction"
        result = self.apis[function].resolve(event, CONTEXT)
        headers: dict[str, list[str]] = result["multiValueHeaders"]
        response = Response(
            result["statusCode"],
            {name: values[0] for name, values in headers.items()},
            result["body"] or "",
        )
        assert not result["isBase64Encoded"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert_matches_openapi(event["httpMethod"], event["path"], response)
        return response

    def event(
        self,
        method: str,
        path: str,
        *,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        all_headers = {"Host": HOST, "X-Forwarded-Proto": "https"} | (headers or {})
        if body is not None and not any(name.lower() == "content-type" for name in all_headers):
            all_headers["Content-Type"] = "application/json"
        return {
            "resource": template(path) or "/{proxy+}",
            "path": path,
            "httpMethod": method,
            "headers": all_headers,
            "multiValueHeaders": {name: [value] for name, value in all_headers.items()},
            "queryStringParameters": query or None,
            "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()} or None,
            "pathParameters": None,
            "requestContext": {
                "requestId": "request-1",
                "path": f"{STAGE}{path}",
                "stage": STAGE[1:],
                "identity": {"sourceIp": "203.0.113.7"},
                # API Gateway converts all values of an authorizer context to strings.
                "authorizer": {
                    "principalId": self.key_id,
                    "name": self.name,
                    "role": self.role,
                    "models": self.models,
                    "callback_url": self.callback_url,
                    "reuse_seconds": str(self.reuse_seconds),
                },
            },
            "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
            "isBase64Encoded": isinstance(body, bytes),
        }


def error_message(response: Response, status: int) -> str:
    """Assert an error in the provider's envelope; return its message."""
    assert (response.status, response.headers["Content-Type"]) == (status, "application/json")
    assert response.json.keys() == {"code", "message"}
    assert response.json["code"] == status
    message: str = response.json["message"]
    return message


def submit_job(world: World, job_id: str) -> Step:
    """Run Submit for the job and return its step."""
    return world.app.submit_job.run(Step(job_id=job_id))


def complete_job(world: World, job_id: str) -> None:
    """Run the job from Submit to Finalize."""
    world.downloads.files.setdefault(OUTPUT, PNG)
    step = world.app.check_job.run(submit_job(world, job_id))
    assert step.outcome is Outcome.READY
    world.app.finalize_job.run(step)


@contextmanager
def capture_logs() -> Generator[io.StringIO]:
    """Yield the stream of the log lines."""
    stream = io.StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    original = handler.setStream(stream)
    try:
        yield stream
    finally:
        handler.setStream(original)


def template(path: str) -> str | None:
    """Return the path that API Gateway chooses: the most literal match."""
    return min(
        (known_path for known_path in GATEWAY["paths"] if _pattern(known_path).fullmatch(path)),
        key=lambda known_path: (known_path.count("{"), known_path.count("+"), -len(known_path)),
        default=None,
    )


def function_of(method: str, path: str) -> str | None:
    """Return the function of FUNCTIONS that API Gateway invokes; None for another, or no route."""
    route = GATEWAY["paths"].get(template(path) or "", {}).get(method.lower())
    return next((name for name in FUNCTIONS if f"${{{name}.Arn}}" in str(route)), None)


def _pattern(known_path: str) -> re.Pattern[str]:
    greedy = re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(known_path))
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", greedy) + "/?", re.S)


def assert_matches_openapi(method: str, path: str, response: Response) -> None:
    """Assert that status, headers and body match the documented operation."""
    known_path = template(path) or ""
    route = GATEWAY["paths"].get(known_path, {}).get(method.lower())
    if route is None or function_of(method, path) is None:
        # No route, or a route of another function: the app returns 404, like API Gateway.
        assert response.status == 404
        documented: dict[str, Any] = {"content": NO_ROUTE[path.startswith("/api/v3/")]}
    else:
        operation = DOCUMENT["paths"][known_path.replace("+}", "}")][method.lower()]
        responses = operation["responses"]
        assert str(response.status) in responses, f"{response.status}: {response.text}"
        documented = responses[str(response.status)]
    assert {name for name in DOCUMENTED_HEADERS if name in response.headers} <= set(
        documented.get("headers", ())
    )
    if "content" not in documented:
        assert response.text == ""
        return
    content_type = response.headers["Content-Type"]
    content = response.json if "json" in content_type else response.text
    errors = list(validator(documented["content"][content_type]["schema"]).iter_errors(content))
    assert not errors, f"{errors}\n{response.text}"


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator for one schema of the document."""
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})
