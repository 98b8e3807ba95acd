"""Callbacks: where a job's terminal events are posted, and how a callback is signed and retried.

A callback is signed as Standard Webhooks 1.0 describes. A job of the WaveSpeed-compatible API gets
the provider's body and signature instead.
"""

import base64
import hashlib
import hmac
import json
import random
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain import webhooks
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.references import BadReferenceError, public_url

MAX_URL = 2048
ALLOWED_URL = "an https:// URL of a public host, with port 443"
# After a rotation, callbacks are signed with the new and the previous secret for this time.
OVERLAP = timedelta(hours=24)
# Attempts of a callback: 5 in the first 3 minutes, 11 in 3 hours, 17 in 26 hours. `maxReceiveCount`
# of the queue in template.yaml.
MAX_ATTEMPTS = 17
_FIRST_WAIT, _MAX_WAIT = 10, 4 * 3600  # seconds
_JITTER = 0.2
_LOCAL = re.compile(r"http://(127\.0\.0\.1|localhost)(:\d{1,5})?([/?][\x21-\x7e]*)?")
_HTTPS_PORTS = (None, 443)
_CHANCE = random.Random()  # noqa: S311 - no secret


class Callback(BaseModel):
    """Where the terminal events of a job are posted. The URL may contain a secret of the caller."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str
    api_url: str | None = Field(
        default=None, description="Root URL of the API. With it, callbacks have WaveSpeed's format."
    )
    stopped_at: datetime | None = Field(default=None, description="When the receiver answered 410.")


class SecretGeneration(BaseModel):
    """How often a caller's secret was rotated, and when last."""

    model_config = ConfigDict(frozen=True)

    number: int = 0
    rotated_at: datetime | None = None


class CallbackSecrets(BaseModel):
    """The secret of a caller, and the previous one while it is still in use."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    secret: str
    previous: str | None = None
    previous_until: datetime | None = None

    @property
    def active(self) -> tuple[str, ...]:
        """The secrets that sign a callback, newest first."""
        return (self.secret,) if self.previous is None else (self.secret, self.previous)


def secrets_of(
    master: str, caller: str, generation: SecretGeneration, now: datetime
) -> CallbackSecrets:
    """Return the secrets of a caller. They are derived, so no secret is stored."""
    current = _derive(master, caller, generation.number)
    until = generation.rotated_at and generation.rotated_at + OVERLAP
    if until is None or until <= now:
        return CallbackSecrets(secret=current)
    previous = _derive(master, caller, generation.number - 1)
    return CallbackSecrets(secret=current, previous=previous, previous_until=until)


def url_problem(url: str) -> str | None:
    """Return why a URL cannot be a callback URL, as a predicate; None if it can.

    A URL of the local machine passes: only a deployment on an emulator accepts it (`is_local`).
    """
    if is_local(url):
        return None
    if not url[:8].lower().startswith("https://"):
        return f"must be {ALLOWED_URL}."
    try:
        public_url(url)
    except BadReferenceError as error:
        return str(error)
    return None if urlsplit(url).port in _HTTPS_PORTS else f"must be {ALLOWED_URL}."


def is_local(url: str) -> bool:
    """Return whether a URL is http:// with one of the two plain names of the local machine."""
    return _LOCAL.fullmatch(url) is not None


def require_public(url: str) -> None:
    """Raise InvalidRequestError if a valid callback URL names the local machine."""
    if is_local(url):
        message = f"`callback_url` must be {ALLOWED_URL}."
        raise InvalidRequestError.of("callback_url", message, ALLOWED_URL)


def standard_headers(
    webhook_id: str, body: bytes, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """Return the headers of Standard Webhooks, with one signature for each secret."""
    timestamp = _timestamp(now)
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    keys = (base64.b64decode(secret.removeprefix(webhooks.PREFIX)) for secret in secrets)
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    signatures = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return _headers(webhook_id, timestamp, signatures)


def wavespeed_headers(webhook_id: str, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """Return the headers of the provider's webhooks. They have only one signature."""
    timestamp = _timestamp(now)
    return _headers(webhook_id, timestamp, webhooks.sign(secret, webhook_id, timestamp, body))


def retry_after(attempt: int, chance: random.Random = _CHANCE) -> int:
    """Return the seconds after failed attempt number `attempt`, from 1; 0 after the last one."""
    if attempt >= MAX_ATTEMPTS:
        return 0
    wait: int = min(_MAX_WAIT, _FIRST_WAIT * 2 ** (attempt - 1))
    return round(wait * chance.uniform(1 - _JITTER, 1 + _JITTER))


def _timestamp(now: datetime) -> str:
    return str(int(now.timestamp()))


def _headers(webhook_id: str, timestamp: str, signature: str) -> dict[str, str]:
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }


def _derive(master: str, caller: str, generation: int) -> str:
    message = json.dumps([caller, generation]).encode()
    digest = hmac.new(master.encode(), message, hashlib.sha256).digest()
    return webhooks.PREFIX + base64.b64encode(digest).decode()
