"""The inbox bucket: uploads, read at the version that a notification tells of."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.uploads import MAX_KEY_BYTES, Upload
from darkroom.ports import InboxFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

# A key that S3 cannot have is not there either.
_NOT_THERE = frozenset({"404", "NoSuchKey", "NotFound", "400", "KeyTooLongError"})
# Archived, or encrypted with a key that this deployment may not use.
_CLOSED = frozenset({"AccessDenied", "InvalidObjectState", "InvalidRequest", "403"})
_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "PreconditionFailed",
                   "404", "405", "412"})  # fmt: skip


class InboxBucket:
    """The port Inbox over S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def open(self, upload: Upload, limit: int) -> InboxFile | None:
        """Return the upload with up to `limit` bytes; None if it is gone or was replaced.

        Raises InvalidRequestError if it may not be read.
        """
        wanted: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": upload.key}
        if upload.version_id:
            wanted["VersionId"] = upload.version_id
        else:  # what replaced it has a notification of its own
            wanted["IfMatch"] = f'"{upload.etag}"'
        try:
            answer = self._client.get_object(**wanted)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            if error.response["Error"]["Code"] in _CLOSED:
                raise InvalidRequestError.of(
                    "object", "may not be read", "one that is in no archive, with a key for us"
                ) from error
            raise
        with answer["Body"] as body:
            return InboxFile(answer["Metadata"], body.read(limit) if limit else b"")

    def has(self, key: str) -> bool:
        """Tell whether an object lies at `key`, which may be anything."""
        try:
            if len(key.encode()) > MAX_KEY_BYTES:
                return False
        except UnicodeEncodeError:  # half a surrogate pair
            return False
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except (ClientError, ParamValidationError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] not in _NOT_THERE:
                raise
            return False
        return True
