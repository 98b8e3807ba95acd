"""Revoke a key: refuse it from now on, and stop the jobs and batches that it has started."""

from dataclasses import dataclass

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.keys import Key
from darkroom.ports import Audit, Clock, Keys


@dataclass(frozen=True)
class RevokeKey:
    """Delete a key and record its revocation.

    AcquireSlot and CreateRows read the revocation, and the sweep cancels what waits.
    """

    keys: Keys
    audit: Audit
    now: Clock

    def run(self, key_id: str, by: Caller) -> list[Key]:
        """Revoke the keys with this id and return them; an empty list if there is none."""
        matches = [key for key in self.keys.all() if key.key_id == key_id]
        for key in matches:
            self.keys.revoke(key, self.now())
            self.audit.record(audit.entry(self.now(), Act.KEY_REVOKED, key_id, by, key.name))
        return matches
