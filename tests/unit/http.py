"""API Gateway in front of the app; every answer is held against infra/api/openapi.yaml."""

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

from darkroom.domain.job import Job
from darkroom.domain.steps import Outcome, Step
from darkroom.observability import logger
from tests.fakes.pictures import PNG
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TEXT_TO_IMAGE, World

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "infra" / "api" / "openapi.yaml").read_text()
)
STAGE = "/prod"
HOST = "abc123.execute-api.eu-central-1.amazonaws.com"
CONTEXT = cast("LambdaContext", SimpleNamespace(aws_request_id="invocation-1"))
V1_JOBS = "/v1/jobs"
OURS = "${ApiFunction.Arn}"  # in the operations that the app serves
NO_ROUTE = (
    {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    {"application/json": {"schema": {"$ref": "#/components/schemas/WireError"}}},
)
# Sent only where the document says so.
TELLING_HEADERS = ("Location", "ETag", "Retry-After")


@dataclass(frozen=True)
class Answer:
    """What the caller gets."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text, parse_constant=lambda word: f"{word} is no JSON")

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [each["field"] for each in self.json["errors"]]


@dataclass
class Client:
    """One key's owner."""

    world: World = field(default_factory=World)
    name: str = "ada"
    role: str = "submit"
    daily_budget: int | None = None
    allowed_origin: str = ""

    def __post_init__(self) -> None:
        self.api = self.world.api(self.allowed_origin)

    def as_(self, name: str, role: str = "submit") -> "Client":
        """Another key of the same deployment."""
        return Client(self.world, name, role)

    def get(self, path: str, headers: dict[str, str] | None = None, /, **query: object) -> Answer:
        return self.send(
            "GET", path, headers=headers, query={name: str(value) for name, value in query.items()}
        )

    def post(self, path: str, body: object, /, **headers: str) -> Answer:
        """Send JSON; a header's name is given with underscores for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, body=json.dumps(body), headers=named)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def accepted(self, body: dict[str, Any] | None = None, /, **headers: str) -> Job:
        """A job that was asked for here."""
        answer = self.post(V1_JOBS, body or TEXT_TO_IMAGE, **headers)
        assert answer.status == 202, answer.text
        return self.world.job(answer.json["job_id"])

    def send(
        self,
        method: str,
        path: str,
        *,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Answer:
        """Send anything; bytes arrive as API Gateway hands on what it takes for binary."""
        return self.resolve(self.event(method, path, body=body, headers=headers, query=query))

    def resolve(self, event: dict[str, Any]) -> Answer:
        """Send an event as it is."""
        found = self.api.resolve(event, CONTEXT)
        lists: dict[str, list[str]] = found["multiValueHeaders"]
        answer = Answer(
            found["statusCode"], {k: v[0] for k, v in lists.items()}, found["body"] or ""
        )
        assert not found["isBase64Encoded"]
        hold_against_document(event["httpMethod"], event["path"], answer)
        return answer

    def event(
        self,
        method: str,
        path: str,
        *,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        told = {"Host": HOST, "X-Forwarded-Proto": "https"} | (headers or {})
        if body is not None and not any(name.lower() == "content-type" for name in told):
            told["Content-Type"] = "application/json"
        return {
            "resource": template(path) or "/{proxy+}",
            "path": path,
            "httpMethod": method,
            "headers": told,
            "multiValueHeaders": {name: [value] for name, value in told.items()},
            "queryStringParameters": query or None,
            "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()} or None,
            "pathParameters": None,
            "requestContext": {
                "requestId": "request-1",
                "path": f"{STAGE}{path}",
                "stage": STAGE[1:],
                # All of a context is text once API Gateway has had it.
                "authorizer": {
                    "principalId": "0123456789ab",
                    "name": self.name,
                    "role": self.role,
                    "daily_budget_micro_usd": ""
                    if self.daily_budget is None
                    else str(self.daily_budget),
                },
            },
            "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
            "isBase64Encoded": isinstance(body, bytes),
        }


def refused(answer: Answer, status: int) -> str:
    """The words of an error in the provider's envelope."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json.keys() == {"code", "message"}
    assert answer.json["code"] == status
    message: str = answer.json["message"]
    return message


def submitted(world: World, job_id: str) -> Step:
    """The provider has the job."""
    return world.submit_job()(Step(job_id=job_id))


def finished(world: World, job_id: str) -> None:
    """The provider has made the job's picture, and it is filed."""
    world.downloads.files.setdefault(OUTPUT, PNG)
    step = world.check_job()(submitted(world, job_id))
    assert step.outcome is Outcome.READY
    world.finalize_job()(step)


@contextmanager
def logged() -> Generator[io.StringIO]:
    """Give what is logged meanwhile."""
    stream = io.StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(stream)
    try:
        yield stream
    finally:
        handler.setStream(before)


def template(path: str) -> str | None:
    """The path of the document that API Gateway would choose: the most literal one."""
    return min(
        (known for known in DOCUMENT["paths"] if _pattern(known).fullmatch(path)),
        key=lambda known: (known.count("{"), known.count("+"), -len(known)),
        default=None,
    )


def _pattern(known: str) -> re.Pattern[str]:
    greedy = re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(known))
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", greedy) + "/?", re.S)


def hold_against_document(method: str, path: str, answer: Answer) -> None:
    """The status is documented for the route, and headers and body are as it says."""
    operation = DOCUMENT["paths"].get(template(path), {}).get(method.lower())
    if operation is None or OURS not in str(operation):
        # No route, or another function's: API Gateway says the first, and the app the same.
        assert answer.status == 404
        described: dict[str, Any] = {"content": NO_ROUTE[path.startswith("/api/v3/")]}
    else:
        responses = operation["responses"]
        assert str(answer.status) in responses, f"{answer.status}: {answer.text}"
        described = responses[str(answer.status)]
    assert {n for n in TELLING_HEADERS if n in answer.headers} <= set(described.get("headers", ()))
    if "content" not in described:
        assert answer.text == ""
        return
    kind = answer.headers["Content-Type"]
    told = answer.json if "json" in kind else answer.text
    errors = list(validator(described["content"][kind]["schema"]).iter_errors(told))
    assert not errors, f"{errors}\n{answer.text}"


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of one schema of the document."""
    root = as_json_schema(schema)
    return Draft202012Validator(root | {"components": {"schemas": _SCHEMAS}})


def as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` is a second type."""
    if isinstance(schema, list):
        return [as_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    left = {name: as_json_schema(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [left, {"type": "null"}]} if schema.get("nullable") is True else left


_SCHEMAS = as_json_schema(DOCUMENT["components"]["schemas"])
