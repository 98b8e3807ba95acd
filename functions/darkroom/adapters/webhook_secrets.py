"""What webhooks are signed with: asked of the provider, and remembered over a rotation."""

import time
from collections.abc import Callable
from typing import Protocol

# A forged webhook makes us ask again: not more often than this, in seconds.
_PAUSE = 30
_MAX_AGE = 300
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

    def read(self, *, fresh: bool = False) -> list[str]:
        """Return them; `fresh` asks the provider again, unless that was done a moment ago."""
        age = None if self._asked_at is None else self._clock() - self._asked_at
        if age is None or age > (_PAUSE if fresh else _MAX_AGE):
            self._asked_at = self._clock()
            secret = self._source.webhook_secret()
            if secret is not None:
                others = [known for known in self._known if known != secret]
                self._known = [secret, *others][:_KEPT]
        return list(self._known)
