"""Authorize: whose key is this, and what may it do."""

from dataclasses import dataclass

from darkroom.domain.keys import PREFIX, Key, digest
from darkroom.ports import Clock, Keys

_SCHEME = "bearer"


@dataclass(frozen=True)
class Authorize:
    """Find a key by its digest, and note the day on which it was used."""

    keys: Keys
    now: Clock

    def __call__(self, authorization: str) -> Key | None:
        """Return the key that an Authorization header carries; None if it opens nothing."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != _SCHEME or not token.startswith(PREFIX):
            return None
        key, now = self.keys.find(digest(token)), self.now()
        if key is None or not key.is_valid(now):
            return None
        if key.last_used != now.date():
            self.keys.touch(key.digest, now.date())
        return key
