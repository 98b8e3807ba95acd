"""What reaches the doors' functions: what a rule makes of an event, what API Gateway of a call."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.infra.template import properties

_STAGE = "/live"


def of_rule(function: str, rule: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return what a rule hands its function of an event: the event, or what is made of it."""
    transformer = properties(function)["Events"][rule]["Properties"].get("InputTransformer")
    if transformer is None:
        return event

    def value(name: re.Match[str]) -> str:
        found: Any = event
        for part in transformer["InputPathsMap"][name[1]].removeprefix("$.").split("."):
            found = found[part]
        return json.dumps(found)

    made: dict[str, Any] = json.loads(re.sub(r"<(\w+)>", value, transformer["InputTemplate"]))
    return made


def of_call(
    method: str, path: str, role: str, body: object = None, budget: int | None = None
) -> dict[str, Any]:
    """Return what API Gateway hands over of a call with a key that is known."""
    named = "" if budget is None else str(budget)
    return {
        "httpMethod": method,
        "path": path,
        "resource": "/{proxy+}",
        "headers": {
            "Host": "api.example.com",
            "X-Forwarded-Proto": "https",
            "Content-Type": "application/json",
        },
        "queryStringParameters": None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": "call-1",
            "path": f"{_STAGE}{path}",
            "authorizer": {"name": "owner", "role": role, "daily_budget_micro_usd": named},
        },
    }


def of_webhook(url: str, headers: dict[str, str], raw: bytes) -> dict[str, Any]:
    """Return what API Gateway hands over of a webhook: no key, and the bytes as they came."""
    parts = urlsplit(url)
    path = parts.path.removeprefix(_STAGE)
    named = re.fullmatch(r"/webhooks/wavespeed/([^/]+)", path)
    assert named, "there is no such route"
    return {
        "httpMethod": "POST",
        "path": path,
        "resource": "/webhooks/wavespeed/{job_id}",
        "pathParameters": {"job_id": named[1]},
        "headers": headers,
        "queryStringParameters": dict(parse_qsl(parts.query)) or None,
        "body": raw.decode(),
        "isBase64Encoded": False,
        "requestContext": {"requestId": "webhook-1", "path": parts.path},
    }
