"""OnWebhook: receives the provider's webhook when a prediction ends. API Gateway requires no key.

The signature's secret only permits ending a wait early.
"""

import base64
import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.observability import correlate, logger, observed

_UNAUTHORIZED = json.dumps(
    {
        "type": "urn:darkroom:problem:unauthorized",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The webhook signature is wrong or too old. Check the webhook secret.",
        "errors": [],
    }
)


@observed(lambda: app().receive_webhook)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Verify the signature of the raw body, and end the wait of the job."""
    body: str = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    job_id: str = (event.get("pathParameters") or {}).get("job_id", "")
    correlate(job_id or "webhook")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    token = (event.get("queryStringParameters") or {}).get("token", "")
    if not app().receive_webhook.run(job_id, token, headers, raw):
        logger.warning("webhook refused")
        return _response(401, _UNAUTHORIZED, "application/problem+json")
    return _response(204)


def _response(status: int, body: str = "", content_type: str = "text/plain") -> dict[str, Any]:
    from darkroom.api.headers import SECURITY_HEADERS

    headers = {"Content-Type": content_type} | SECURITY_HEADERS
    return {"statusCode": status, "headers": headers, "body": body}
