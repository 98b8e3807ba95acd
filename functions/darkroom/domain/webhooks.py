"""The provider's webhooks: verify the signature and read the prediction id.

A signature is `v3,` and the hex HMAC-SHA256 of `id.timestamp.body`. The HMAC key is the text of the
secret after `whsec_`. See WaveSpeedAI's page on verifying webhooks. Standard Webhooks differ.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping

# Maximum difference between a timestamp and our clock, in seconds, as the provider documents it.
TOLERANCE = 300
PREFIX = "whsec_"
_VERSION = "v3,"
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def is_genuine(headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: float) -> bool:
    """Return whether `body` has a recent signature by one of `secrets`.

    Header names are in lower case. The function compares every secret with every signature in
    constant time, so its duration reveals nothing.
    """
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not _SECONDS.fullmatch(timestamp) or abs(now - int(timestamp)) > TOLERANCE:
        return False
    signatures = [
        token.encode(errors="replace") for token in headers.get("webhook-signature", "").split()
    ]
    matches = False
    for secret in secrets:
        expected = sign(secret, webhook_id, timestamp, body).encode()
        for signature in signatures:
            matches |= hmac.compare_digest(expected, signature)
    return matches


def sign(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body in the provider's format."""
    signed = f"{webhook_id}.{timestamp}.".encode(errors="replace") + body
    key = secret.removeprefix(PREFIX).encode()
    return _VERSION + hmac.new(key, signed, hashlib.sha256).hexdigest()


def prediction_id(body: bytes) -> str | None:
    """Return the prediction id in the body of a genuine webhook; None without one."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(payload, dict) and isinstance(payload.get("data"), dict):
        payload = payload["data"]  # some webhooks have the envelope of API responses
    value = payload.get("id") if isinstance(payload, dict) else None
    return value if isinstance(value, str) and value else None
