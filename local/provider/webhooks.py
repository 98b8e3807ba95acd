"""What a webhook says and how it is signed: as documented, or as the faults of its job want it."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.provider.deliveries import Hook
from local.provider.fault_table import Params


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The `v3,` signature. The key is the secret's text after `whsec_`, not decoded base64."""
    key = secret.removeprefix("whsec_").encode()
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v3," + hmac.new(key, signed, hashlib.sha256).hexdigest()


def signed_headers(secret: str, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, webhook_id, timestamp, body),
    }


def composed(
    url: str, payload: dict[str, Any], secret: str, webhook_faults: dict[str, Params]
) -> Hook:
    """A hook that carries this prediction, signed now."""
    webhook_id = payload["id"]
    if "event_id" in webhook_faults:
        webhook_id = uuid5(NAMESPACE_URL, webhook_id).hex  # the same again for a further try
    if "wrong_secret" in webhook_faults:
        secret = webhook_faults["wrong_secret"]["secret"]
    # The receiver compares it with its own clock, so it is never the advanced one.
    timestamp = int(time.time() - webhook_faults.get("old_timestamp", {"seconds": 0})["seconds"])
    body = _encoded(payload, webhook_faults)
    headers = signed_headers(secret, webhook_id, timestamp, body)
    if "tampered" in webhook_faults:
        output = f"{webhook_faults['tampered']['origin']}/output/tampered.png"
        body = _encoded(payload | {"status": "completed", "outputs": [output]}, webhook_faults)
    for name in webhook_faults.get("missing_headers", {"names": ""})["names"].split(","):
        headers.pop(name.strip(), None)
    return Hook(url, headers, body)


def _encoded(payload: dict[str, Any], webhook_faults: dict[str, Params]) -> bytes:
    enveloped = {"code": 200, "message": "success", "data": payload}
    content = enveloped if "enveloped" in webhook_faults else payload
    return json.dumps(content, separators=(",", ":")).encode()
