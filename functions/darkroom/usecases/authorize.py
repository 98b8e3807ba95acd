"""Authorize: look up the API key of a request and check that it is valid."""

from dataclasses import dataclass

from darkroom.domain.keys import PREFIX, Key, digest
from darkroom.ports import Clock, Keys

_SCHEME = "bearer"


@dataclass(frozen=True)
class Authorize:
    """Look up a key by its digest, and record the day of its last use."""

    keys: Keys
    now: Clock

    def run(self, authorization: str, source_ip: str) -> Key | None:
        """Return the key of an Authorization header.

        Returns None if the key is unknown, not valid, or not for this IP address.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != _SCHEME or not token.startswith(PREFIX):
            return None
        key, now = self.keys.find(digest(token)), self.now()
        if key is None or not key.is_valid(now) or not key.accepts_source(source_ip):
            return None
        if key.last_used != now.date():
            self.keys.touch(key, now.date())
        return key
