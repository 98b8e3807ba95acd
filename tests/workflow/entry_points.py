"""Inputs of the entry point functions: events of rules and requests of API Gateway."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.infra.template import properties

_STAGE = "/live"


def rule_input(function: str, rule: str, event: dict[str, Any]) -> dict[str, Any]:
    """Return the function input of a rule: the event, or the result of its input transformer."""
    transformer = properties(function)["Events"][rule]["Properties"].get("InputTransformer")
    if transformer is None:
        return event

    def value(name: re.Match[str]) -> str:
        field_value: Any = event
        for part in transformer["InputPathsMap"][name[1]].removeprefix("$.").split("."):
            field_value = field_value[part]
        return json.dumps(field_value)

    transformed: dict[str, Any] = json.loads(
        re.sub(r"<(\w+)>", value, transformer["InputTemplate"])
    )
    return transformed


def api_request_event(method: str, path: str, role: str, body: object = None) -> dict[str, Any]:
    """Return the API Gateway event of an authorized request."""
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
            "identity": {"sourceIp": "203.0.113.7"},
            "authorizer": {
                "principalId": "0123456789ab",
                "name": "owner",
                "role": role,
                "models": "",
                "callback_url": "",
                "reuse_seconds": "0",
            },
        },
    }


def webhook_event(url: str, headers: dict[str, str], raw: bytes) -> dict[str, Any]:
    """Return the API Gateway event of a webhook: without a key, with the unchanged body."""
    parts = urlsplit(url)
    path = parts.path.removeprefix(_STAGE)
    matched = re.fullmatch(r"/webhooks/wavespeed/([^/]+)", path)
    assert matched, "no route matches the webhook path"
    return {
        "httpMethod": "POST",
        "path": path,
        "resource": "/webhooks/wavespeed/{job_id}",
        "pathParameters": {"job_id": matched[1]},
        "headers": headers,
        "queryStringParameters": dict(parse_qsl(parts.query)) or None,
        "body": raw.decode(),
        "isBase64Encoded": False,
        "requestContext": {"requestId": "webhook-1", "path": parts.path},
    }
