"""The notes about uploads of the inbox: JSON documents in errors/ of the assets bucket."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FOLDER = "errors/"


class NotesFolder:
    """Port `InboxNotes` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def newest(self, folder: str | None, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """Return the newest of the first thousand notes, and whether there are no others."""
        prefix = f"{_FOLDER}{folder}/" if folder else _FOLDER
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
        entries = sorted(
            listed.get("Contents", []), key=lambda entry: entry["LastModified"], reverse=True
        )
        read = (self._read(entry["Key"]) for entry in entries[:limit])
        return [note for note in read if note is not None], not listed["IsTruncated"]

    def _read(self, key: str) -> dict[str, Any] | None:
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            return None  # removed since the listing
        with response["Body"] as body:
            note: dict[str, Any] = json.loads(body.read())
        return note
