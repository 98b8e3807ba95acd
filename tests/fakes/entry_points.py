"""The ports of the entry points: inbox, presets and keys in memory."""

from dataclasses import dataclass, field
from datetime import date

from darkroom.domain import presets
from darkroom.domain.keys import Key
from darkroom.domain.presets import Presets
from darkroom.domain.uploads import Upload
from darkroom.ports import InboxFile
from tests.fakes.storage import InMemoryReferences


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
            etag=f"etag-{version}",
            sequencer=f"{version:018x}",
            version_id=f"v{version}",
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

    def has(self, key: str) -> bool:
        return (self.bucket, key) in self.references.objects


@dataclass
class InMemoryPresets:
    """The port PresetStore."""

    current: Presets = field(default_factory=presets.shipped)
    problem: str | None = None

    def read(self) -> tuple[Presets, str | None]:
        return self.current, self.problem


@dataclass
class InMemoryKeys:
    """The port Keys."""

    stored: dict[str, Key] = field(default_factory=dict)

    def add(self, key: Key) -> None:
        self.stored[key.digest] = key

    def find(self, digest: str) -> Key | None:
        return self.stored.get(digest)

    def touch(self, digest: str, day: date) -> None:
        if digest in self.stored:
            self.stored[digest] = self.stored[digest].model_copy(update={"last_used": day})

    def all(self) -> list[Key]:
        return list(self.stored.values())

    def remove(self, digest: str) -> None:
        self.stored.pop(digest, None)
