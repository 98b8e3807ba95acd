"""The inbox bucket: uploads, read at the version that the notification names."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from darkroom.adapters.s3.same_bytes import SameBytes
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.references import S3Object
from darkroom.domain.uploads import MAX_KEY_BYTES, Upload
from darkroom.ports import InboxFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectRequestTypeDef,
        GetObjectTaggingRequestTypeDef,
        ObjectVersionTypeDef,
        TagTypeDef,
    )

_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# Includes the errors for keys that S3 does not accept.
_NOT_FOUND = frozenset({"404", "NoSuchKey", "NotFound", "400", "KeyTooLongError"})
# Archived, or encrypted with a KMS key that this deployment may not use.
_NOT_READABLE = frozenset({"AccessDenied", "InvalidObjectState", "InvalidRequest", "403"})
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "PreconditionFailed",
                   "404", "405", "412"})  # fmt: skip
# The tag of processed uploads. The bucket's lifecycle rule has the same.
TAG: "TagTypeDef" = {"Key": "darkroom", "Value": "processed"}
_MAX_TAGS = 10  # the limit of S3


class InboxBucket:
    """Port `Inbox` on S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def open(self, upload: Upload, limit: int) -> InboxFile | None:
        """Return the upload with up to `limit` bytes; None if it was deleted or replaced.

        Raises InvalidRequestError if the object cannot be read.
        """
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": upload.key}
        if upload.version_id:
            request["VersionId"] = upload.version_id
        else:  # a replacement has its own notification
            request["IfMatch"] = f'"{upload.etag}"'
        try:
            response = self._client.get_object(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            if error.response["Error"]["Code"] in _NOT_READABLE:
                raise InvalidRequestError.of(
                    "object",
                    f"{upload.name} cannot be read. Restore it from the archive, or encrypt it with"
                    " a key that Darkroom may use.",
                    "an object that is not archived, with a key that Darkroom may use",
                ) from error
            raise
        with response["Body"] as body:
            return InboxFile(response["Metadata"], body.read(limit) if limit else b"")

    def mark_processed(self, upload: Upload) -> None:
        """Tag the upload, so that it expires. Its other tags stay; with ten of them, it is kept."""
        request: GetObjectTaggingRequestTypeDef = {"Bucket": self._bucket, "Key": upload.key}
        if upload.version_id:
            request["VersionId"] = upload.version_id
        try:
            tags = self._client.get_object_tagging(**request)["TagSet"]
            if TAG not in tags and len(tags) < _MAX_TAGS:
                self._client.put_object_tagging(**request, Tagging={"TagSet": [*tags, TAG]})
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise

    def find(self, key: str) -> S3Object | None:
        """Return the current version of an object, or None; any string is accepted."""
        try:
            if len(key.encode()) > MAX_KEY_BYTES:
                return None
        except UnicodeEncodeError:  # half a surrogate pair
            return None
        try:
            response = self._client.head_object(Bucket=self._bucket, Key=key)
        except (ClientError, ParamValidationError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _NOT_FOUND:
                raise
            return None
        return S3Object(bucket=self._bucket, key=key, version_id=response.get("VersionId"))

    def copies(self, upload: Upload, since: datetime) -> list[Upload]:
        """Return the other versions of an upload's key with the same bytes, stored after `since`.

        The ETag decides, or the checksum under a KMS key. Both differ if one of two equal files was
        uploaded in several parts.
        """
        found: list[Upload] = []
        same = SameBytes(self._client, upload.object, upload.etag, upload.size)
        # The key comes before the longer keys with this prefix, newest version first.
        for version in self._versions(upload.key):
            if version["Key"] != upload.key or version["LastModified"] < since:
                break
            etag, version_id = version["ETag"].strip('"'), version["VersionId"]
            if version_id != upload.version_id and same.holds(version_id, etag, version["Size"]):
                found.append(upload.model_copy(update={"version_id": version_id}))
        return found

    def _versions(self, prefix: str) -> Iterator["ObjectVersionTypeDef"]:
        if _NOT_IN_XML.search(prefix):  # S3 encodes such keys in a listing; an emulator fails
            return
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            yield from page.get("Versions", [])
