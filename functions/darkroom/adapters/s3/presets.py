"""The owner's presets: one versioned JSON object in the assets bucket."""

from datetime import UTC
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from darkroom.domain import callers, presets
from darkroom.domain.callers import Caller
from darkroom.domain.keys import Creator
from darkroom.domain.presets import BrokenPresetsError, Presets
from darkroom.ports import StoredPresets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "config/presets.json"
_MAX_VERSIONS = 20  # versions searched for a valid document
_NAME, _KEY_ID = "changed-by", "key-id"  # metadata: the author of a version
# An object that was written since it was read, or is being written.
_CHANGED = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "NoSuchKey"})
# The status of a version that does not exist, of one that is a delete marker, and of no version id.
_MISSING = frozenset({400, 404, 405})


class _Condition(TypedDict, total=False):
    IfMatch: str
    IfNoneMatch: str


class PresetDocument:
    """Port `PresetStore` on S3: the newest valid version, else the shipped presets."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self) -> tuple[Presets, str | None]:
        """Return the active presets, and the error of a newer document that is not valid."""
        active, problem, _ = self._read()
        return active, problem

    def replace(self, version: int, document: Presets, by: Caller) -> bool:
        """Store a document if the active presets have this version, and nothing was stored since.

        The metadata of the object names the author.
        """
        body = presets.write_document(document)
        active, _, etag = self._read()
        if active.version != version:
            return False
        metadata = {_NAME: by.name} | ({_KEY_ID: by.key_id} if by.key_id else {})
        condition: _Condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=KEY,
                Body=body,
                ContentType="application/json",
                Metadata=metadata,
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _CHANGED:
                return False
            raise
        return True

    def versions(self, limit: int) -> list[StoredPresets]:
        """Return the newest stored documents, the newest first."""
        found = (self.version(version_id) for version_id in self._version_ids(limit))
        return [version for version in found if version is not None]

    def version(self, version_id: str) -> StoredPresets | None:
        """Return a stored document; None if it does not exist."""
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=KEY, VersionId=version_id)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in _MISSING:
                return None
            raise
        with response["Body"] as body:
            text = body.read(presets.MAX_DOCUMENT_BYTES + 1)
        document, problem = _parsed(text)
        name, key_id = (response["Metadata"].get(each) for each in (_NAME, _KEY_ID))
        return StoredPresets(
            version_id=version_id,
            stored_at=response["LastModified"].astimezone(UTC),
            stored_by=Creator(name=name, key_id=key_id) if name else Creator.of(callers.AWS),
            presets=document,
            problem=problem,
        )

    def _read(self) -> tuple[Presets, str | None, str | None]:
        """Return the active presets, a problem, and the ETag of the newest document."""
        try:
            newest = self._client.get_object(Bucket=self._bucket, Key=KEY)
        except ClientError as error:
            # The owner never stored a document, or deleted it on purpose.
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return presets.shipped(), None, None
            raise
        with newest["Body"] as body:
            text = body.read(presets.MAX_DOCUMENT_BYTES + 1)
        document, problem = _parsed(text)
        if document is not None:
            return document, None, newest["ETag"]
        message = f"The newest presets document is not used. {problem}"
        return self._last_valid(), message, newest["ETag"]

    def _last_valid(self) -> Presets:
        for version_id in self._version_ids(_MAX_VERSIONS):
            stored = self.version(version_id)
            if stored is not None and stored.presets is not None:
                return stored.presets
        return presets.shipped()

    def _version_ids(self, limit: int) -> list[str]:
        listed = self._client.list_object_versions(Bucket=self._bucket, Prefix=KEY, MaxKeys=limit)
        return [v["VersionId"] for v in listed.get("Versions", []) if v["Key"] == KEY]


def _parsed(text: bytes) -> tuple[Presets | None, str | None]:
    """Return a document, or the error of one that is not valid."""
    try:
        return presets.parse(text), None
    except BrokenPresetsError as error:
        return None, str(error)
