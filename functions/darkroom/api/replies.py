"""JSON responses."""

import json

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel


def reply(
    status: int,
    body: BaseModel | dict[str, object],
    content_type: str = "application/json",
    **headers: str,
) -> Response[str]:
    """Return a response. Header names have underscores instead of dashes."""
    text = body.model_dump_json() if isinstance(body, BaseModel) else json.dumps(body)
    extra_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    # Responses depend on the caller and the time, so caches must not store them.
    return Response(
        status_code=status,
        content_type=content_type,
        body=text,
        headers={"Cache-Control": "no-store", **extra_headers},
    )
