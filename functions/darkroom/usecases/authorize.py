"""Authorize: look up the API key of a request and check that it is valid."""

from dataclasses import dataclass
from enum import StrEnum

from darkroom.domain.audit import Act, AuditEntry
from darkroom.domain.keys import PREFIX, Key, digest, key_id
from darkroom.ports import Audit, Clock, Keys, Metrics

_SCHEME = "bearer"


class Refusal(StrEnum):
    """Why a request is refused."""

    MALFORMED = "malformed"  # the header has another scheme, or no key of Darkroom
    UNKNOWN = "unknown"  # the key was never created, or is revoked
    EXPIRED = "expired"
    SOURCE = "source"  # the key does not accept the IP address


@dataclass(frozen=True)
class Authorize:
    """Look up a key by its digest. Record the day of its last use, or its refusal."""

    keys: Keys
    audit: Audit
    metrics: Metrics
    now: Clock

    def run(self, authorization: str, source_ip: str) -> Key | None:
        """Return the key of an Authorization header, or None if the request is refused."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != _SCHEME or not token.startswith(PREFIX):
            self._count(Refusal.MALFORMED)
            return None
        key, now = self.keys.find(digest(token)), self.now()
        match key:
            case None:
                refusal = Refusal.UNKNOWN
            case Key() if not key.is_valid(now):
                refusal = Refusal.EXPIRED
            case Key() if not key.accepts_source(source_ip):
                refusal = Refusal.SOURCE
            case Key():
                if key.last_used != now.date():
                    self.keys.touch(key, now.date())
                return key
        self._count(refusal)
        self.audit.record(
            AuditEntry(
                time=now,
                act=Act.KEY_REFUSED,
                object=key_id(token),
                name=key and key.name,
                key_id=key and key.key_id,
                source_ip=source_ip,
                value=refusal,
            )
        )
        return None

    def _count(self, refusal: Refusal) -> None:
        self.metrics.count("KeysRefused")  # for the alarm
        self.metrics.count("KeysRefusedByReason", reason=refusal)
