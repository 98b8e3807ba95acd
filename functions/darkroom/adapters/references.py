"""Reference images in S3: looked at, kept, and presigned for the provider."""

import hashlib
import re
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from botocore.exceptions import ClientError, EndpointProviderError, ParamValidationError

from darkroom.domain.media import Format
from darkroom.domain.references import S3Object
from darkroom.domain.uploads import CALLER_METADATA, decode, encode
from darkroom.ports import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

UPLOADS = "uploads/"
_HEAD = 64  # bytes: enough for any magic number
_UPLOAD_ID = re.compile(r"upload:([a-z0-9.]{1,64})")
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

    def resolve(self, text: str) -> S3Object | None:
        """Return the object that one of our own presigned URLs or upload ids stands for.

        A presigned URL would die with its signer, and on one machine leads nowhere from outside:
        the object is what is meant.
        """
        if upload := _UPLOAD_ID.fullmatch(text):
            return S3Object(bucket=self._bucket, key=f"{UPLOADS}{upload[1]}")
        if not text.startswith(self._root):
            return None
        key = unquote(text.removeprefix(self._root).partition("?")[0])
        return S3Object(bucket=self._bucket, key=key) if key else None

    @cached_property
    def _root(self) -> str:
        """What every URL of the bucket begins with; the SDK knows which of S3's forms it has."""
        some = S3Object(bucket=self._bucket, key="x")
        return self.presign(some, 1).partition("?")[0].removesuffix("x")

    def inspect(self, reference: S3Object) -> StoredObject | None:
        """Return the object pinned to its version, its length, its first bytes, and whose it is."""
        wanted: GetObjectRequestTypeDef = {"Bucket": reference.bucket, "Key": reference.key}
        if reference.version_id:
            wanted["VersionId"] = reference.version_id
        try:
            answer = self._client.get_object(**wanted)
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
        owner = answer["Metadata"].get(CALLER_METADATA)
        return StoredObject(
            pinned,
            answer["ContentLength"],
            head,
            owner=decode(owner) if owner else None,
            is_owned=reference.bucket == self._bucket,
        )

    def store(self, job_id: str, caller: str, data: bytes, known: Format) -> S3Object:
        """Store bytes that came with a request, under their digest: a repeat writes the same."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"references/{job_id}/{digest}.{known.extension}"
        answer = self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=data,
            ContentType=known.content_type,
            Metadata={CALLER_METADATA: encode(caller)},
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
