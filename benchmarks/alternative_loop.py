"""Function of a typical hand-written Step Functions loop: submit, poll, copy the whole image.

`alternatives` deploys it on the local stack. It is a single file that imports only packages of the
Lambda runtime.
"""

import json
import os
import time
import urllib.request
from typing import Any

import boto3

S3 = boto3.client("s3", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Submit if the event has no id. Otherwise poll, and store the image once it is completed."""
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
    with urllib.request.urlopen(data["outputs"][0]) as response:  # noqa: S310
        image = response.read()
    S3.put_object(Bucket=os.environ["BUCKET"], Key=f"loop/{event['id']}.png", Body=image)
    return event | {"done": True, "stored_at": time.time()}


def _call(url: str, body: bytes | None = None) -> Any:
    headers = {
        "Authorization": f"Bearer {os.environ['PROVIDER_KEY']}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.loads(response.read())["data"]
