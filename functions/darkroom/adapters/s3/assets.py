"""The assets bucket: output files at write-once keys, and JSON documents."""

import base64
import json
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom.domain.file_names import disposition_kind
from darkroom.domain.job import Asset
from darkroom.ports import Download

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_KEY_EXISTS = frozenset({"PreconditionFailed", "412"})


class AssetBucket:
    """Port `Assets` on S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        """Store a file unless the key exists; return the asset at the key in both cases."""
        width, height = download.dimensions or (None, None)
        asset = Asset(
            bucket=self._bucket,
            key=key,
            content_type=download.format.content_type,
            size=download.size,
            sha256=download.sha256,
            width=width,
            height=height,
        )
        try:
            # One PUT, streamed from the file: memory use is constant, and the write is atomic.
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=file,
                ContentLength=asset.size,
                ContentType=asset.content_type,
                # For URLs that others presign; the API's URLs have their own Content-Disposition.
                ContentDisposition=disposition_kind(asset.content_type),
                ChecksumSHA256=base64.b64encode(bytes.fromhex(asset.sha256)).decode(),
                Metadata=metadata,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _KEY_EXISTS:
                raise
            # An earlier run of this step stored the object: return the stored object's values.
            existing = self._client.head_object(Bucket=self._bucket, Key=key)
            return asset.model_copy(
                update={
                    "size": existing["ContentLength"],
                    "sha256": existing["Metadata"].get("sha256", asset.sha256),
                }
            )
        return asset

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        """Store a JSON document, indented for reading; an existing one is overwritten."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=json.dumps(document, indent=2, ensure_ascii=False).encode(errors="replace"),
            ContentType="application/json",
        )

    def read_json(self, key: str) -> dict[str, Any] | None:
        """Return a JSON document, or None if it does not exist."""
        return read_json(self._client, self._bucket, key)

    def remove(self, key: str) -> None:
        """Delete a document if it exists."""
        try:
            # In a versioned bucket, deleting a missing object would leave a delete marker.
            self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return
            raise
        self._client.delete_object(Bucket=self._bucket, Key=key)


def read_json(client: "S3Client", bucket: str, key: str) -> dict[str, Any] | None:
    """Return a JSON document, or None if it does not exist."""
    try:
        response = client.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise
    with response["Body"] as body:
        document: dict[str, Any] = json.loads(body.read())
    return document
