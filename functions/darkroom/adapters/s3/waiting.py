"""The uploads that wait for their references: one JSON document each in the assets bucket."""

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING

from darkroom.adapters.s3.assets import read_json
from darkroom.domain.uploads import Upload
from darkroom.ports import WaitingUpload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FOLDER = "waiting/"


class WaitingFolder:
    """Port `WaitingUploads` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def add(self, waiting: WaitingUpload) -> None:
        """Store an upload. Idempotent."""
        document = {
            "upload": waiting.upload.model_dump(),
            "event_id": waiting.event_id,
            "since": waiting.since.isoformat(),
        }
        self._client.put_object(
            Bucket=self._bucket,
            Key=_key(waiting.upload),
            Body=json.dumps(document).encode(),
            ContentType="application/json",
        )

    def all(self) -> list[WaitingUpload]:
        """Return the first thousand waiting uploads."""
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=_FOLDER)
        read = (self._read(entry["Key"]) for entry in listed.get("Contents", []))
        return [waiting for waiting in read if waiting is not None]

    def remove(self, upload: Upload) -> None:
        """Remove an upload, if it waits."""
        self._client.delete_object(Bucket=self._bucket, Key=_key(upload))

    def _read(self, key: str) -> WaitingUpload | None:
        document = read_json(self._client, self._bucket, key)
        if document is None:
            return None  # removed since the listing
        return WaitingUpload(
            Upload.model_validate(document["upload"]),
            document["event_id"],
            datetime.fromisoformat(document["since"]),
        )


def _key(upload: Upload) -> str:
    """Return the key of an upload's document. The key of the upload may be too long for a part."""
    return f"{_FOLDER}{hashlib.sha256(upload.idempotency_key.encode()).hexdigest()}.json"
