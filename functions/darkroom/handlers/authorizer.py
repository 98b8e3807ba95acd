"""Authorizer: whose API key is this. Called by API Gateway, which keeps the answer for a while."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import entry_points
from darkroom.observability import correlate, logger, observed


@observed(entry_points.authorize)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Return a policy for the whole stage: what a role may do is decided where it is asked for."""
    correlate(event["requestContext"].get("requestId", "authorizer"))
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    key = entry_points.authorize()(headers.get("authorization", ""))
    if key is None:
        logger.info("key refused")
    budget = key and key.daily_budget_micro_usd
    # arn:aws:execute-api:region:account:api/stage/METHOD/path
    stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {
        "Action": "execute-api:Invoke",
        "Effect": "Allow" if key else "Deny",
        "Resource": f"{stage}/*",
    }
    return {
        "principalId": key.key_id if key else "nobody",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {
            "name": key.name if key else "",
            "role": str(key.role) if key else "",
            "daily_budget_micro_usd": "" if budget is None else str(budget),
        },
    }
