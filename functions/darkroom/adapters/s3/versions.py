"""The versions of objects, for their erasure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.adapters.s3.same_bytes import SameBytes
from darkroom.domain.references import S3Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class _Version:
    """A version of an object, or a delete marker."""

    key: str
    version_id: str
    is_current: bool
    etag: str | None  # None for a delete marker
    size: int = 0  # bytes


class ObjectVersions:
    """Port `Versions` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def equal(self, location: S3Object) -> list[S3Object]:
        """Return the versions with the bytes of the pinned version, which is last."""
        versions = [version for version in self._of(location) if version.etag]
        pinned = [version for version in versions if version.version_id == location.version_id]
        if not pinned or pinned[0].etag is None:
            return []
        same = SameBytes(self._client, location, pinned[0].etag, pinned[0].size)
        return [
            location.model_copy(update={"version_id": version.version_id})
            for version in sorted(versions, key=lambda v: v.version_id == location.version_id)
            if version.etag and same.holds(version.version_id, version.etag, version.size)
        ]

    def erase(self, location: S3Object) -> None:
        """Delete every version and delete marker of an object."""
        self._delete(location.bucket, self._of(location))

    def erase_replaced(self, location: S3Object) -> None:
        """Delete every version and delete marker of an object but the current version."""
        versions = list(self._of(location))
        has_current = any(version.is_current and version.etag for version in versions)
        doomed = (v for v in versions if not (has_current and v.is_current))
        self._delete(location.bucket, doomed)

    def erase_versions(self, location: S3Object, versions: Sequence[S3Object]) -> None:
        """Delete these versions; also the delete markers, if no version of the object is left."""
        for version in versions:
            self._client.delete_object(
                Bucket=version.bucket, Key=version.key, VersionId=version.version_id or "null"
            )
        left = list(self._of(location))
        if all(version.etag is None for version in left):
            self._delete(location.bucket, left)

    def erase_folder(self, prefix: str) -> None:
        """Delete every version and delete marker of the objects under `prefix`."""
        if not prefix.strip("/") or not prefix.endswith("/"):
            raise ValueError("the prefix of a folder ends with a slash")
        self._delete(self._bucket, list(self._list(self._bucket, prefix)))

    def _of(self, location: S3Object) -> Iterator[_Version]:
        """Yield the versions and delete markers of one object."""
        # The key comes before the longer keys that begin with it.
        for version in self._list(location.bucket, location.key, is_key=True):
            if version.key == location.key:
                yield version

    def _list(self, bucket: str, prefix: str, *, is_key: bool = False) -> Iterator[_Version]:
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            entries = [
                *(
                    _Version(v["Key"], v["VersionId"], v["IsLatest"], v["ETag"], v["Size"])
                    for v in page.get("Versions", [])
                ),
                *(
                    _Version(m["Key"], m["VersionId"], m["IsLatest"], None)
                    for m in page.get("DeleteMarkers", [])
                ),
            ]
            yield from entries
            if is_key and any(entry.key != prefix for entry in entries):
                return

    def _delete(self, bucket: str, versions: Iterable[_Version]) -> None:
        # One call each: DeleteObjects cannot name a key with characters that XML excludes.
        for version in list(versions):
            self._client.delete_object(Bucket=bucket, Key=version.key, VersionId=version.version_id)
