"""Rotate the secret that signs the callbacks of a caller."""

from dataclasses import dataclass

from darkroom.domain import audit
from darkroom.domain.audit import Act
from darkroom.domain.callbacks import CallbackSecrets
from darkroom.domain.callers import Caller
from darkroom.ports import Audit, CallbackSecretStore, Clock
from darkroom.usecases.callbacks.read_callback_secrets import ReadCallbackSecrets


@dataclass(frozen=True)
class RotateCallbackSecret:
    """Replace the secret of a caller. The previous secret is valid for another 24 hours."""

    store: CallbackSecretStore
    read: ReadCallbackSecrets
    audit: Audit
    now: Clock

    def run(self, caller: Caller, owner: str) -> CallbackSecrets:
        """Return the new secrets of `owner`, which `caller` has rotated."""
        now = self.now()
        self.store.rotate(owner, now)
        self.audit.record(audit.entry(now, Act.CALLBACK_SECRET_ROTATED, owner, caller))
        return self.read.run(owner)
