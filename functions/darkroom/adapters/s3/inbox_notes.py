"""The notes about uploads of the inbox: JSON documents in errors/ of the assets bucket."""

from typing import TYPE_CHECKING, Any

from darkroom.adapters.s3.assets import read_json

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
        read = (read_json(self._client, self._bucket, entry["Key"]) for entry in entries[:limit])
        # A note may have been removed since the listing.
        return [note for note in read if note is not None], not listed["IsTruncated"]
