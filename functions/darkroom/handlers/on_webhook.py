"""OnWebhook: the provider says that a prediction has ended. Called by API Gateway, without a key.

Whoever can read the signature's secret can wake a wait, and nothing more.
"""

import base64
import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.bootstrap import entry_points
from darkroom.observability import correlate, logger, observed

_REFUSED = {
    "statusCode": 401,
    "headers": {"Content-Type": "application/problem+json"},
    "body": json.dumps(
        {
            "type": "urn:darkroom:problem:unauthorized",
            "title": "Unauthorized",
            "status": 401,
            "detail": "the signature is not valid, or not of now",
            "errors": [],
        }
    ),
}


@observed(entry_points.receive_webhook)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Verify the bytes as they came, wake what waits for them, and answer at once."""
    body: str = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    job_id: str = (event.get("pathParameters") or {}).get("job_id", "")
    correlate(job_id or "webhook")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    token = (event.get("queryStringParameters") or {}).get("token", "")
    if not entry_points.receive_webhook()(job_id, token, headers, raw):
        logger.warning("webhook refused")
        return _REFUSED
    return {"statusCode": 204, "body": ""}
