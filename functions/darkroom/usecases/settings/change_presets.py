"""Change presets: store a new version of the document, and list the earlier ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkroom.domain import audit, presets
from darkroom.domain.audit import Act
from darkroom.domain.callers import Caller
from darkroom.domain.errors import NotFoundError, OutdatedError
from darkroom.domain.presets import Presets
from darkroom.ports import Audit, AuditedSettings, Clock, PresetStore, StoredPresets

_LISTED = 20  # versions
_SHIPPED = "shipped"  # the version id of the presets that ship with Darkroom


@dataclass(frozen=True)
class ChangedPresets:
    """A stored version, with the names of the presets in which it differs from the one before."""

    stored: StoredPresets
    changed: tuple[str, ...]


@dataclass(frozen=True)
class ChangePresets:
    """The versions of the document of presets."""

    presets: PresetStore
    settings: AuditedSettings
    audit: Audit
    now: Clock

    def run(self, body: Mapping[str, Any], by: Caller) -> Presets:
        """Store a document whose `version` is the one in use, and return it with the next version.

        Raises InvalidRequestError, or OutdatedError if another version is in use.
        """
        sent = presets.read_document(body)
        document = sent.model_copy(update={"version": sent.version + 1})
        if not self.presets.replace(sent.version, document, by):
            current = self.presets.read()[0].version
            raise OutdatedError(
                f"The presets have changed: version {current} is in use, and your change is for"
                f" version {sent.version}. Nothing was stored. Read the presets again, and repeat"
                " your change."
            )
        value = presets.describe(document)
        self.audit.record(audit.entry(self.now(), Act.PRESETS_CHANGED, "presets", by, value))
        # So that the sweep does not record the change a second time.
        self.settings.note("presets", value)
        return document

    def versions(self) -> list[ChangedPresets]:
        """Return the newest versions, the newest first. The first one ships with Darkroom."""
        # One more, with which the last one is compared.
        versions = self.presets.versions(_LISTED + 1)
        oldest = versions.pop() if len(versions) > _LISTED else None
        listed = [] if oldest else [ChangedPresets(_shipped(), ())]
        earlier = (oldest and oldest.presets) or presets.shipped()
        for stored in reversed(versions):
            names = presets.changes(stored.presets, earlier) if stored.presets else ()
            listed.insert(0, ChangedPresets(stored, names))
            earlier = stored.presets or earlier
        return listed

    def version(self, version_id: str) -> StoredPresets:
        """Return a version. Raises NotFoundError."""
        stored = _shipped() if version_id == _SHIPPED else self.presets.version(version_id)
        if stored is None or stored.presets is None:
            raise NotFoundError(
                "There is no valid version of the presets with this id. GET /v1/presets/versions"
                " lists the newest versions."
            )
        return stored


def _shipped() -> StoredPresets:
    return StoredPresets(_SHIPPED, stored_at=None, stored_by=None, presets=presets.shipped())
