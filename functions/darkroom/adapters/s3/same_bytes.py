"""Whether two versions of an object have the same bytes."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom.domain.references import S3Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHECKSUMS = (
    "ChecksumCRC64NVME", "ChecksumCRC32", "ChecksumCRC32C", "ChecksumSHA1", "ChecksumSHA256",
)  # fmt: skip


# Deleted since the listing, or encrypted with a key that this deployment may not use.
_UNREADABLE = frozenset({"403", "404", "405", "AccessDenied", "NoSuchVersion"})


class SameBytes:
    """Compares the versions of an object with one of them, `pinned`.

    Equal ETags mean equal bytes. The ETag of an object that is encrypted with a KMS key is not a
    digest, so the checksums that S3 stores of such objects decide.
    """

    def __init__(self, client: "S3Client", pinned: S3Object, etag: str, size: int | None) -> None:
        self._client = client
        self._pinned = pinned
        self._etag = etag
        self._size = size

    def holds(self, version_id: str, etag: str, size: int) -> bool:
        """Return whether a version has the bytes of `pinned`; False if S3 cannot tell."""
        if etag == self._etag:
            return True
        if size != self._size or not self._checksums:
            return False
        others = self._read(version_id)
        common = self._checksums.keys() & others.keys()
        return bool(common) and all(self._checksums[name] == others[name] for name in common)

    @cached_property
    def _checksums(self) -> dict[str, str]:
        return self._read(self._pinned.version_id)

    def _read(self, version_id: str | None) -> dict[str, str]:
        """Return the checksums of a complete version that is encrypted with a KMS key; else {}."""
        version = {"VersionId": version_id} if version_id else {}
        try:
            head: Mapping[str, Any] = self._client.head_object(
                Bucket=self._pinned.bucket,
                Key=self._pinned.key,
                ChecksumMode="ENABLED",
                **version,  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNREADABLE:
                return {}
            raise
        is_by_kms = str(head.get("ServerSideEncryption", "")).startswith("aws:kms")
        # The checksum of checksums of parts depends on the parts.
        if not is_by_kms or head.get("ChecksumType") == "COMPOSITE":
            return {}
        return {name: head[name] for name in _CHECKSUMS if name in head}
