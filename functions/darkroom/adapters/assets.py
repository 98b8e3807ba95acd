"""The outputs' bucket: files at keys that are never overwritten, and documents beside them."""

import base64
import json
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom.domain.job import Asset
from darkroom.ports import Download

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TAKEN = frozenset({"PreconditionFailed", "412"})


class AssetBucket:
    """The port Assets over S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def store(
        self, key: str, file: IO[bytes], download: Download, metadata: dict[str, str]
    ) -> Asset:
        """Store a file unless the key is taken; either way return what lies there."""
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
            # One PUT, streamed from the file: memory stays flat, and a key is taken whole or not.
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=file,
                ContentLength=asset.size,
                ContentType=asset.content_type,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(asset.sha256)).decode(),
                Metadata=metadata,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TAKEN:
                raise
            # An earlier run of this step stored it. What lies there is what counts.
            there = self._client.head_object(Bucket=self._bucket, Key=key)
            return asset.model_copy(
                update={
                    "size": there["ContentLength"],
                    "sha256": there["Metadata"].get("sha256", asset.sha256),
                }
            )
        return asset

    def write_json(self, key: str, document: dict[str, Any]) -> None:
        """Store a document for people, over an older one at the same key."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=json.dumps(document, indent=2, ensure_ascii=False).encode(errors="replace"),
            ContentType="application/json",
        )

    def remove(self, key: str) -> None:
        """Take a document away, if there is one."""
        try:
            # In a bucket with versions, deleting what is not there would leave a marker behind.
            self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return
            raise
        self._client.delete_object(Bucket=self._bucket, Key=key)
