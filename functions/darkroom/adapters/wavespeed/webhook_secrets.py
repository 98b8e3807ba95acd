"""Signing secrets of webhooks: read from the provider, and kept across a rotation."""

import time
from collections.abc import Callable
from typing import Protocol

_MAX_SECRETS = 3


class Source(Protocol):
    """A source of the current signing secret."""

    def webhook_secret(self) -> str | None:
        """Return the current secret, or None if it could not be read."""


class WebhookSecrets:
    """Port `Secrets`: the most recent signing secrets, newest first."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._secrets: list[str] = []
        self._read_at: float | None = None

    def read(self, max_age: float) -> list[str]:
        """Return the secrets; read the provider's again if the last read is over `within` s old."""
        age = None if self._read_at is None else self._clock() - self._read_at
        if age is None or age > max_age:
            self._read_at = self._clock()
            secret = self._source.webhook_secret()
            if secret is not None:
                older = [known for known in self._secrets if known != secret]
                self._secrets = [secret, *older][:_MAX_SECRETS]
        return list(self._secrets)
