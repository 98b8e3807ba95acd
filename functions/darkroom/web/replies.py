"""Replies in JSON."""

import json

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel


def reply(
    status: int,
    body: BaseModel | dict[str, object],
    content_type: str = "application/json",
    **headers: str,
) -> Response[str]:
    """Return a reply; a header's name is given with underscores for dashes."""
    text = body.model_dump_json() if isinstance(body, BaseModel) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    # What is there for one caller now is not there for another, nor later.
    return Response(
        status_code=status,
        content_type=content_type,
        body=text,
        headers={"Cache-Control": "no-store", **named},
    )
