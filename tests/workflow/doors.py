"""What reaches the doors' functions: what a rule makes of an event, what API Gateway of a call."""

import json
import re
from typing import Any

from tests.infra.template import properties


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


def of_call(method: str, path: str, role: str) -> dict[str, Any]:
    """Return what API Gateway hands over of a call without a body, with a key that is known."""
    return {
        "httpMethod": method,
        "path": path,
        "resource": "/{proxy+}",
        "headers": {"Host": "api.example.com", "X-Forwarded-Proto": "https"},
        "queryStringParameters": None,
        "body": None,
        "isBase64Encoded": False,
        "requestContext": {
            "requestId": "call-1",
            "path": f"/live{path}",
            "authorizer": {"name": "owner", "role": role, "daily_budget_micro_usd": ""},
        },
    }
