"""The ports of the entry points: inbox, presets and keys in memory."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from darkroom.domain import presets
from darkroom.domain.callers import Caller
from darkroom.domain.keys import Creator, Key, Revocation
from darkroom.domain.presets import Presets
from darkroom.domain.references import S3Object
from darkroom.domain.uploads import Upload
from darkroom.ports import InboxFile, StoredPresets, WaitingUpload
from tests.fakes.queue import InMemoryBudgets
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryAssets, InMemoryReferences


@dataclass
class InMemoryInbox:
    """The port Inbox, on the objects of References. `metadata` is by key and version."""

    references: InMemoryReferences
    bucket: str = "inbox"
    metadata: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    processed: set[str] = field(default_factory=set)  # keys

    def put(self, key: str, data: bytes, **metadata: str) -> Upload:
        """Store an object and return its notification."""
        versions = self.references.objects.setdefault((self.bucket, key), [])
        versions.append(data)
        version = len(versions)
        headers = {name.replace("_", "-"): value for name, value in metadata.items()}
        self.metadata[key, version] = headers
        return Upload(
            bucket=self.bucket,
            key=key,
            etag=hashlib.md5(data, usedforsecurity=False).hexdigest(),
            sequencer=f"{version:018x}",
            version_id=f"v{version}",
            size=len(data),
        )

    def open(self, upload: Upload, limit: int) -> InboxFile | None:
        versions = self.references.objects.get((self.bucket, upload.key), [])
        version = int((upload.version_id or "v0").removeprefix("v"))
        if not 1 <= version <= len(versions):
            return None
        return InboxFile(dict(self.metadata[upload.key, version]), versions[version - 1][:limit])

    def mark_processed(self, upload: Upload) -> None:
        if (self.bucket, upload.key) in self.references.objects:
            self.processed.add(upload.key)

    def find(self, key: str) -> S3Object | None:
        versions = self.references.objects.get((self.bucket, key), [])
        numbers = [
            number
            for number in range(1, len(versions) + 1)
            if (self.bucket, key, f"v{number}") not in self.references.erased
        ]
        if not numbers:
            return None
        return S3Object(bucket=self.bucket, key=key, version_id=f"v{numbers[-1]}")

    def copies(self, upload: Upload, since: datetime) -> list[Upload]:
        """Versions have no times: every one counts as stored after `since`."""
        versions = self.references.objects.get((self.bucket, upload.key), [])
        return [
            upload.model_copy(update={"version_id": f"v{number}"})
            for number, data in reversed(list(enumerate(versions, 1)))
            if hashlib.md5(data, usedforsecurity=False).hexdigest() == upload.etag
            and f"v{number}" != upload.version_id
        ]


@dataclass
class InMemoryWaitingUploads:
    """The port WaitingUploads."""

    stored: dict[str, WaitingUpload] = field(default_factory=dict)

    def add(self, waiting: WaitingUpload) -> None:
        self.stored[waiting.upload.idempotency_key] = waiting

    def all(self) -> list[WaitingUpload]:
        return list(self.stored.values())

    def remove(self, upload: Upload) -> None:
        self.stored.pop(upload.idempotency_key, None)


@dataclass
class InMemoryPresets:
    """The port PresetStore."""

    current: Presets = field(default_factory=presets.shipped)
    problem: str | None = None

    stored: list[StoredPresets] = field(default_factory=list)

    def read(self) -> tuple[Presets, str | None]:
        return self.current, self.problem

    def replace(self, version: int, document: Presets, by: Caller) -> bool:
        presets.write_document(document)
        if self.current.version != version:
            return False
        self.current, self.problem = document, None
        version_id = f"version-{len(self.stored)}"
        self.stored.insert(0, StoredPresets(version_id, START, Creator.of(by), document))
        return True

    def versions(self, limit: int) -> list[StoredPresets]:
        return self.stored[:limit]

    def version(self, version_id: str) -> StoredPresets | None:
        return next((each for each in self.stored if each.version_id == version_id), None)


@dataclass
class InMemoryNotes:
    """The port InboxNotes, over the documents of the assets bucket."""

    assets: InMemoryAssets

    def newest(self, folder: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
        prefix = f"errors/{folder}/" if folder else "errors/"
        notes = [note for key, note in self.assets.documents.items() if key.startswith(prefix)]
        return sorted(notes, key=lambda note: note["at"], reverse=True)[:limit], True


@dataclass
class InMemoryKeys:
    """The port Keys."""

    budgets: InMemoryBudgets = field(default_factory=InMemoryBudgets)
    stored: dict[str, Key] = field(default_factory=dict)
    revoked: dict[str, Revocation] = field(default_factory=dict)

    def add(self, key: Key, cap: int | None = None) -> None:
        self.stored[key.digest] = key
        if cap is not None:
            self.budgets.set_cap(key.caller.name, cap)

    def find(self, digest: str) -> Key | None:
        return self.stored.get(digest)

    def touch(self, key: Key, day: date) -> None:
        if key.digest in self.stored:
            self.stored[key.digest] = self.stored[key.digest].model_copy(update={"last_used": day})

    def all(self) -> list[Key]:
        return list(self.stored.values())

    def revoke(self, key: Key, now: datetime) -> None:
        self.stored.pop(key.digest, None)
        self.revoked[key.key_id] = Revocation.of(key, now)

    def revocations(self) -> list[Revocation]:
        return list(self.revoked.values())

    def mark_swept(self, key_id: str, now: datetime) -> None:
        if key_id in self.revoked:
            swept = self.revoked[key_id].model_copy(update={"swept_at": now})
            self.revoked[key_id] = swept


@dataclass
class InMemoryRequestCounter:
    """The port RequestCounter."""

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, key_id: str, minute: int) -> int:
        self.counts[key_id, minute] += 1
        return self.counts[key_id, minute]
