"""Presigned uploads: a PUT URL that is valid for one content type, length and owner, once."""

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from darkroom.adapters.s3.references import UPLOADS
from darkroom.domain import media
from darkroom.domain.batch_file import BATCH_FILE_TYPES
from darkroom.domain.references import S3Object
from darkroom.domain.uploads import CALLER_METADATA, encode
from darkroom.ports import PresignedUpload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_VALIDITY = timedelta(minutes=15)
_EXTENSIONS = {image.content_type: image.extension for image in media.REFERENCE_FORMATS} | {
    content_type: extension for extension, content_type in BATCH_FILE_TYPES.items()
}


class UploadBucket:
    """Port `Uploads` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def presign(self, caller: str, content_type: str, size: int, now: datetime) -> PresignedUpload:
        """Return a presigned upload of a file of `size` bytes."""
        upload_id = f"{secrets.token_hex(16)}.{_EXTENSIONS[content_type]}"
        key = f"{UPLOADS}{upload_id}"
        owner = encode(caller)
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ContentType": content_type,
                "ContentLength": size,
                "IfNoneMatch": "*",
                "Metadata": {CALLER_METADATA: owner},
            },
            ExpiresIn=int(_VALIDITY.total_seconds()),
        )
        # The signed headers, except Content-Length, which HTTP clients set themselves.
        headers = {
            "Content-Type": content_type,
            "If-None-Match": "*",
            f"x-amz-meta-{CALLER_METADATA}": owner,
        }
        location = S3Object(bucket=self._bucket, key=key)
        return PresignedUpload(upload_id, location, url, headers, now + _VALIDITY)
