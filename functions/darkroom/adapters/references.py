"""Reference images in S3: looked at, kept, and presigned for the provider."""

import hashlib
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, EndpointProviderError, ParamValidationError

from darkroom.domain.media import Format
from darkroom.domain.references import S3Object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

_HEAD = 64  # bytes: enough for any magic number
_UNREADABLE = frozenset(
    {"403", "404", "400", "AccessDenied", "NoSuchKey", "NoSuchBucket", "NoSuchVersion",
     "PermanentRedirect", "301", "InvalidBucketName", "NotFound", "InvalidObjectState",
     "KeyTooLongError", "InvalidURI", "InvalidRequest"}
)  # fmt: skip


class ReferenceStore:
    """The port References over S3; bytes go to `bucket` under references/."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def look(self, reference: S3Object) -> tuple[S3Object, int, bytes] | None:
        """Return the object pinned to its version, its length, and its first bytes."""
        try:
            answer = self._client.get_object(Bucket=reference.bucket, Key=reference.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNREADABLE:
                return None
            raise
        except (ParamValidationError, EndpointProviderError):
            return None
        with answer["Body"] as body:
            head = body.read(_HEAD)
        version = answer.get("VersionId")
        pinned = reference.model_copy(
            # A bucket without versioning calls its only version "null".
            update={"version_id": None if version == "null" else version}
        )
        return pinned, answer["ContentLength"], head

    def keep(self, job_id: str, data: bytes, known: Format) -> S3Object:
        """Store bytes that came with a request, under their digest: a repeat writes the same."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"references/{job_id}/{digest}.{known.extension}"
        answer = self._client.put_object(
            Bucket=self._bucket, Key=key, Body=data, ContentType=known.content_type
        )
        return S3Object(bucket=self._bucket, key=key, version_id=answer.get("VersionId"))

    def presign(self, reference: S3Object, seconds: int) -> str:
        """Return a URL at which the provider can read the object for so long."""
        parameters: GetObjectRequestTypeDef = {"Bucket": reference.bucket, "Key": reference.key}
        if reference.version_id:
            parameters["VersionId"] = reference.version_id
        return self._client.generate_presigned_url(
            "get_object", Params=dict(parameters), ExpiresIn=seconds
        )
