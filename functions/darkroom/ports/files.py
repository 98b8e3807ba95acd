"""What lies in S3: references, uploads, the inbox, presets and assets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from darkroom.domain.callers import Caller
    from darkroom.domain.job import Asset
    from darkroom.domain.media import Format
    from darkroom.domain.presets import Presets
    from darkroom.domain.references import S3Object
    from darkroom.domain.uploads import Upload
    from darkroom.ports.provider import Download


@dataclass(frozen=True)
class StoredObject:
    """An object that is there: pinned to its version, its length, and its first bytes."""

    reference: S3Object
    size: int
    head: bytes
    owner: str | None = None  # the caller whose it is, of what lies in the assets bucket
    is_owned: bool = False  # whether it lies there

    def is_readable_by(self, caller: Caller) -> bool:
        """Tell whether a caller may use it: what is another's is refused like what is not there."""
        return not self.is_owned or caller.owns(self.owner)


class References(Protocol):
    """Reference images in S3."""

    def resolve(self, text: str) -> S3Object | None:
        """Return the object that one of our own presigned URLs or upload ids stands for."""

    def inspect(self, reference: S3Object) -> StoredObject | None:
        """Return the object pinned to its version.

        None if it does not exist or may not be read.
        """

    def store(self, job_id: str, caller: str, data: bytes, known: Format) -> S3Object:
        """Store bytes that came with a request."""

    def presign(self, reference: S3Object, seconds: int) -> str:
        """Return a URL at which the object can be read for so long."""


@dataclass(frozen=True)
class PresignedUpload:
    """Leave to put one file of a stated type and length, once."""

    upload_id: str
    location: S3Object
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Uploads(Protocol):
    """Where callers put files that a job may then refer to."""

    def presign(self, caller: str, content_type: str, size: int, now: datetime) -> PresignedUpload:
        """Return leave to put a file of `size` bytes."""


@dataclass(frozen=True)
class InboxFile:
    """An upload: its metadata, and its first bytes."""

    metadata: dict[str, str]
    body: bytes


class Inbox(Protocol):
    """The bucket that people drop files into."""

    def open(self, upload: Upload, limit: int) -> InboxFile | None:
        """Return the upload with up to `limit` bytes; None if it is gone or was replaced.

        Raises InvalidRequestError if it may not be read.
        """

    def has(self, key: str) -> bool:
        """Tell whether an object lies at `key`."""


class PresetStore(Protocol):
    """The owner's document of presets."""

    def read(self) -> tuple[Presets, str | None]:
        """Return what serves, and what is wrong with a newer one that cannot."""


class Assets(Protocol):
    """The outputs' bucket."""

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        """Store a file unless the key is taken; either way return what lies there."""

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        """Store a document for people, over an older one at the same key."""

    def remove(self, key: str) -> None:
        """Take a document away, if there is one."""
