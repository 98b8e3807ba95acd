"""The objects that requests refer to: inspected, stored, and presigned for reads and uploads."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError, EndpointProviderError, ParamValidationError

from darkroom.domain.media import Format
from darkroom.domain.references import S3Object
from darkroom.domain.uploads import CALLER_METADATA, UPLOADS_FOLDER, decode, encode
from darkroom.ports import PresignedUpload, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

_UPLOAD_VALIDITY = timedelta(minutes=15)
_HEAD_BYTES = 64 * 1024  # a small object, or the header of a larger image
# Regional, global, dual-stack, accelerated and FIPS endpoints, and the older form with a hyphen.
_AWS_ENDPOINT = re.compile(
    r"s3(-accelerate|-fips)?(\.dualstack)?([.-][a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com(\.cn)?"
)
_UPLOAD_ID = re.compile(r"upload:([a-z0-9.]{1,64})")
_UNREADABLE = frozenset(
    {"403", "404", "400", "AccessDenied", "NoSuchKey", "NoSuchBucket", "NoSuchVersion",
     "PermanentRedirect", "301", "InvalidBucketName", "NotFound", "InvalidObjectState",
     "KeyTooLongError", "InvalidURI", "InvalidRequest"}
)  # fmt: skip


class ReferenceStore:
    """Port `References` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def resolve(self, text: str) -> S3Object | None:
        """Return the object of a URL of the assets bucket, or of an upload id.

        The URL may have any style of S3 and any query, such as an expired signature. Return None
        for any other text. The object is stored instead of the URL, because a presigned URL
        expires, and a URL of the local stack is not reachable from outside.
        """
        if upload := _UPLOAD_ID.fullmatch(text):
            return S3Object(bucket=self._bucket, key=f"{UPLOADS_FOLDER}{upload[1]}")
        if not text[:8].lower().startswith(("http://", "https://")):
            return None
        try:
            parts = urlsplit(text)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return None
        path = unquote(parts.path).removeprefix("/")
        if self._is_endpoint(host.removeprefix(f"{self._bucket}."), port):
            if host.startswith(f"{self._bucket}."):  # virtual-hosted style
                return S3Object(bucket=self._bucket, key=path) if path else None
            bucket, _, key = path.partition("/")
            if bucket == self._bucket and key:
                return S3Object(bucket=self._bucket, key=key)
        return None

    def _is_endpoint(self, host: str, port: int | None) -> bool:
        """Return whether S3 answers at a host: this client's endpoint, or any endpoint of AWS."""
        endpoint = urlsplit(self._client.meta.endpoint_url)
        if (host, port) == (endpoint.hostname, endpoint.port):
            return True
        return port in (None, 80, 443) and _AWS_ENDPOINT.fullmatch(host) is not None

    def inspect(self, reference: S3Object) -> StoredObject | None:
        """Return the object's pinned version, size, first bytes and owner; None if unreadable."""
        request: GetObjectRequestTypeDef = {"Bucket": reference.bucket, "Key": reference.key}
        if reference.version_id:
            request["VersionId"] = reference.version_id
        try:
            response = self._client.get_object(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNREADABLE:
                return None
            raise
        except (ParamValidationError, EndpointProviderError):
            return None
        with response["Body"] as body:
            head = body.read(_HEAD_BYTES)
        version = response.get("VersionId")
        pinned = reference.model_copy(
            # An unversioned bucket reports the version "null".
            update={"version_id": None if version == "null" else version}
        )
        owner = response["Metadata"].get(CALLER_METADATA)
        return StoredObject(
            pinned,
            response["ContentLength"],
            head,
            owner=decode(owner) if owner else None,
            is_owned=reference.bucket == self._bucket,
            etag=response["ETag"].strip('"'),
            content_type=response["ContentType"],
        )

    def read_end(self, reference: S3Object, size: int) -> bytes:
        """Return the last `size` bytes of an inspected object; the object if it is smaller."""
        request: GetObjectRequestTypeDef = {
            "Bucket": reference.bucket,
            "Key": reference.key,
            "Range": f"bytes=-{size}",
        }
        if reference.version_id:
            request["VersionId"] = reference.version_id
        with self._client.get_object(**request)["Body"] as body:
            return body.read()

    def store(self, job_id: str, caller: str, data: bytes, known: Format) -> S3Object:
        """Store bytes of a request under their digest. Idempotent."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"references/{job_id}/{digest}.{known.extension}"
        response = self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=data,
            ContentType=known.content_type,
            Metadata={CALLER_METADATA: encode(caller)},
        )
        return S3Object(bucket=self._bucket, key=key, version_id=response.get("VersionId"))

    def store_upload(self, caller: str, data: bytes, content_type: str, extension: str) -> S3Object:
        """Store a file under a new upload id; `caller` owns it."""
        location = self._new_upload(extension)
        self._client.put_object(
            Bucket=location.bucket,
            Key=location.key,
            Body=data,
            ContentType=content_type,
            Metadata={CALLER_METADATA: encode(caller)},
        )
        return location

    def _new_upload(self, extension: str) -> S3Object:
        upload_id = f"{secrets.token_hex(16)}.{extension}".rstrip(".")
        return S3Object(bucket=self._bucket, key=f"{UPLOADS_FOLDER}{upload_id}")

    def presign(self, reference: S3Object, seconds: int, disposition: str | None = None) -> str:
        """Return a URL that reads the object, valid for `seconds`.

        `disposition` is the Content-Disposition of the response.
        """
        parameters: GetObjectRequestTypeDef = {"Bucket": reference.bucket, "Key": reference.key}
        if disposition:
            parameters["ResponseContentDisposition"] = disposition
        if reference.version_id:
            parameters["VersionId"] = reference.version_id
        if reference.content_type:
            parameters["ResponseContentType"] = reference.content_type
        return self._client.generate_presigned_url(
            "get_object", Params=dict(parameters), ExpiresIn=seconds
        )

    def presign_upload(
        self, caller: str, content_type: str, extension: str, size: int, now: datetime
    ) -> PresignedUpload:
        """Return a PUT URL that is valid once, for exactly this content type, size and owner."""
        location = self._new_upload(extension)
        owner = encode(caller)
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": location.key,
                "ContentType": content_type,
                "ContentLength": size,
                "IfNoneMatch": "*",
                "Metadata": {CALLER_METADATA: owner},
            },
            ExpiresIn=int(_UPLOAD_VALIDITY.total_seconds()),
        )
        # The signed headers, except Content-Length, which HTTP clients set themselves.
        headers = {
            "Content-Type": content_type,
            "If-None-Match": "*",
            f"x-amz-meta-{CALLER_METADATA}": owner,
        }
        upload_id = location.key.removeprefix(UPLOADS_FOLDER)
        return PresignedUpload(upload_id, location, url, headers, now + _UPLOAD_VALIDITY)
