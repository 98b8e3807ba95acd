"""The provider's webhooks: whether one is genuine, and whose end it tells.

`v3,` and the hex HMAC-SHA256 of `id.timestamp.body`, keyed with the secret's text after `whsec_`:
see WaveSpeedAI's page on verifying webhooks. Not the scheme of Standard Webhooks.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping

# How far a timestamp may lie from our clock, in seconds; the provider names this figure.
TOLERANCE = 300
_VERSION = "v3,"
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def is_genuine(headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: float) -> bool:
    """Tell whether `body` was signed with one of `secrets` and lately; names in lower case.

    Every secret is tried, and in constant time: how long it takes tells nothing.
    """
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not _SECONDS.fullmatch(timestamp) or abs(now - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{webhook_id}.{timestamp}.".encode(errors="replace") + body
    given = [
        token.encode(errors="replace") for token in headers.get("webhook-signature", "").split()
    ]
    matches = False
    for secret in secrets:
        key = secret.removeprefix("whsec_").encode()
        told = (_VERSION + hmac.new(key, signed, hashlib.sha256).hexdigest()).encode()
        for token in given:
            matches |= hmac.compare_digest(told, token)
    return matches


def prediction_id(body: bytes) -> str | None:
    """Return the id of the prediction that a genuine webhook is about; None if it names none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict) and isinstance(said.get("data"), dict):
        said = said["data"]  # some come in the envelope of the answers
    named = said.get("id") if isinstance(said, dict) else None
    return named if isinstance(named, str) and named else None
