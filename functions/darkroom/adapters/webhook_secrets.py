"""What webhooks are signed with: asked of the provider, and remembered over a rotation."""

import time
from collections.abc import Callable
from typing import Protocol

_KEPT = 3


class Source(Protocol):
    """Whoever knows the secret of today."""

    def webhook_secret(self) -> str | None:
        """Return it; None if no answer could be had."""


class WebhookSecrets:
    """The secrets that were true lately, newest first."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._known: list[str] = []
        self._asked_at: float | None = None

    def read(self, within: float) -> list[str]:
        """Return them; the provider is asked again if that was not done `within` seconds."""
        age = None if self._asked_at is None else self._clock() - self._asked_at
        if age is None or age > within:
            self._asked_at = self._clock()
            secret = self._source.webhook_secret()
            if secret is not None:
                others = [known for known in self._known if known != secret]
                self._known = [secret, *others][:_KEPT]
        return list(self._known)
