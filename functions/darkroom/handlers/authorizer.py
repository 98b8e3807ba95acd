"""Authorizer: verifies API keys. API Gateway invokes it and caches its policies."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed


@observed(lambda: app().authorize)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return an IAM policy for the whole stage. The API checks the role for each route."""
    correlate(event["requestContext"].get("requestId", "authorizer"))
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    source_ip = event["requestContext"]["identity"]["sourceIp"]
    key = app().authorize.run(headers.get("authorization", ""), source_ip)
    if key is None:
        logger.info("key refused")
    # arn:aws:execute-api:region:account:api/stage/METHOD/path
    stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if key else "Deny",
        "Resource": f"{stage}/*",
    }
    return {
        "principalId": key.key_id if key else "anonymous",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {
            "name": key.name if key else "",
            "role": str(key.role) if key else "",
            "models": " ".join(key.models) if key else "",
            "callback_url": (key.callback_url or "") if key else "",
            "reuse_seconds": str(key.reuse_seconds or 0) if key else "0",
        },
    }
