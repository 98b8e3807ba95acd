"""The function of a state machine as it is often written: submit, look, copy the whole image.

Deployed beside Darkroom by side_by_side; it is one file, and imports what Lambda brings.
"""

import json
import os
import time
import urllib.request
from typing import Any

import boto3

S3 = boto3.client("s3", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Submit what has no id; of what has one, say whether it is done, and store it then."""
    base = f"{os.environ['PROVIDER_URL']}/api/v3"
    if "id" not in event:
        body = json.dumps({k: event[k] for k in ("prompt", "quality", "resolution")}).encode()
        data = _call(f"{base}/openai/gpt-image-2/text-to-image", body)
        return event | {"id": data["id"], "done": False}
    data = _call(f"{base}/predictions/{event['id']}/result")
    if data["status"] == "failed":
        raise RuntimeError(data["error"])
    if data["status"] != "completed":
        return event | {"done": False}
    with urllib.request.urlopen(data["outputs"][0]) as answer:  # noqa: S310
        image = answer.read()
    S3.put_object(Bucket=os.environ["BUCKET"], Key=f"naive/{event['id']}.png", Body=image)
    return event | {"done": True, "stored_at": time.time()}


def _call(url: str, body: bytes | None = None) -> Any:
    headers = {
        "Authorization": f"Bearer {os.environ['PROVIDER_KEY']}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.loads(answer.read())["data"]
