"""Read the secrets that sign the callbacks of a caller."""

from dataclasses import dataclass

from darkroom.domain.callbacks import CallbackSecrets, secrets_of
from darkroom.ports import CallbackSecretStore, Clock


@dataclass(frozen=True)
class ReadCallbackSecrets:
    """Derive the secrets of a caller from the master secret and the caller's generation."""

    store: CallbackSecretStore
    now: Clock

    def run(self, caller: str) -> CallbackSecrets:
        """Return the secrets. Every caller has one, so this writes nothing."""
        return secrets_of(self.store.master(), caller, self.store.generation(caller), self.now())
