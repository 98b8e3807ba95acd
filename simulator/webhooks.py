"""The body and the signature of webhooks, with the faults of the prediction applied."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from simulator.deliveries import WebhookRequest
from simulator.fault_table import Params


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the `v3,` signature; its key is the text after `whsec_`, not decoded base64."""
    key = secret.removeprefix("whsec_").encode()
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest()


def signed_headers(secret: str, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a signed webhook."""
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, webhook_id, timestamp, body),
    }


def signed_request(
    url: str, payload: dict[str, Any], secret: str, fault_params: dict[str, Params]
) -> WebhookRequest:
    """Return a webhook request with this payload, signed now."""
    webhook_id = payload["id"]
    if "event_id" in fault_params:
        webhook_id = uuid5(NAMESPACE_URL, webhook_id).hex  # stable across retries
    if "wrong_secret" in fault_params:
        secret = fault_params["wrong_secret"]["secret"]
    # Real time: the receiver compares the timestamp with its own clock.
    timestamp = int(time.time() - fault_params.get("old_timestamp", {"seconds": 0})["seconds"])
    body = _encoded(payload, fault_params)
    headers = signed_headers(secret, webhook_id, timestamp, body)
    if "tampered" in fault_params:
        output = f"{fault_params['tampered']['origin']}/output/tampered.png"
        body = _encoded(payload | {"status": "completed", "outputs": [output]}, fault_params)
    for name in fault_params.get("missing_headers", {"names": ""})["names"].split(","):
        headers.pop(name.strip(), None)
    return WebhookRequest(url, headers, body)


def _encoded(payload: dict[str, Any], fault_params: dict[str, Params]) -> bytes:
    enveloped = {"code": 200, "message": "success", "data": payload}
    content = enveloped if "enveloped" in fault_params else payload
    return json.dumps(content, separators=(",", ":")).encode()
