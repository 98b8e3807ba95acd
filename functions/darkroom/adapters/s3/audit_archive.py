"""The archive of the audit log: JSON lines in a bucket with Object Lock."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class AuditArchive:
    """Stores each delivery of the audit log as one object."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def store(self, lines: Sequence[tuple[int, str]]) -> str:
        """Store lines with their times in Unix milliseconds; return the key of the object.

        The key is a digest of the lines, so a repeated delivery adds only a version of the object.
        """
        text = "".join(f"{message}\n" for _, message in lines).encode()
        day = datetime.fromtimestamp(lines[0][0] / 1000, UTC)
        key = f"{day:%Y/%m/%d}/{hashlib.sha256(text).hexdigest()}.jsonl"
        # Object Lock requires a checksum.
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=text,
            ContentType="application/jsonl",
            ChecksumAlgorithm="SHA256",
        )
        return key
