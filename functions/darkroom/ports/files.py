"""Files in S3: references, uploads, the inbox, presets and assets."""

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
    """An existing object, pinned to its version."""

    reference: S3Object
    size: int  # bytes
    head: bytes  # the first bytes
    owner: str | None = None  # the caller that owns an object in the assets bucket
    is_owned: bool = False  # whether the object is in the assets bucket

    def is_readable_by(self, caller: Caller) -> bool:
        """Return whether a caller may use the object.

        An object of another caller gets the same error as a missing object.
        """
        return not self.is_owned or caller.owns(self.owner)


class References(Protocol):
    """Reference images in S3."""

    def resolve(self, text: str) -> S3Object | None:
        """Return the object of an upload id or of our own presigned URL; None for other text."""

    def inspect(self, reference: S3Object) -> StoredObject | None:
        """Return the object, pinned to its version.

        Returns None if the object does not exist or may not be read.
        """

    def store(self, job_id: str, caller: str, data: bytes, known: Format) -> S3Object:
        """Store an image from a request body, and return its location."""

    def presign(self, reference: S3Object, seconds: int) -> str:
        """Return a presigned URL of the object, valid for `seconds`."""


@dataclass(frozen=True)
class PresignedUpload:
    """A presigned PUT for one file of a fixed content type and length. It can be used once."""

    upload_id: str
    location: S3Object
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Uploads(Protocol):
    """The uploads of callers, which jobs and batches can refer to."""

    def presign(self, caller: str, content_type: str, size: int, now: datetime) -> PresignedUpload:
        """Return a presigned upload for a file of `size` bytes."""


@dataclass(frozen=True)
class InboxFile:
    """An inbox upload: its metadata and its first bytes."""

    metadata: dict[str, str]
    body: bytes


class Inbox(Protocol):
    """The inbox bucket, where an upload becomes a job."""

    def open(self, upload: Upload, limit: int) -> InboxFile | None:
        """Return the upload with its first `limit` bytes.

        Returns None if the upload was deleted or replaced. Raises InvalidRequestError if it may not
        be read.
        """

    def has(self, key: str) -> bool:
        """Return whether an object exists at `key`."""


class PresetStore(Protocol):
    """The owner's document of presets."""

    def read(self) -> tuple[Presets, str | None]:
        """Return the presets in use, and the error in a newer document that is not valid."""


class Assets(Protocol):
    """The assets bucket."""

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        """Store a file unless the key exists. Returns the asset at the key in both cases."""

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        """Store a JSON document. It replaces an earlier one at the same key."""

    def remove(self, key: str) -> None:
        """Delete the document at `key`, if it exists."""
