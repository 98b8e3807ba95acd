"""The owner's presets: one versioned JSON object in the assets bucket."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.domain import presets
from darkroom.domain.presets import BrokenPresetsError, Presets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "config/presets.json"
_MAX_VERSIONS = 20  # versions searched for a valid document


class PresetDocument:
    """Port `PresetStore` on S3: the newest valid version, else the shipped presets."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self) -> tuple[Presets, str | None]:
        """Return the active presets, and the error of a newer document that is not valid."""
        try:
            newest = self._client.get_object(Bucket=self._bucket, Key=KEY)
        except ClientError as error:
            # The owner never stored a document, or deleted it on purpose.
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return presets.shipped(), None
            raise
        with newest["Body"] as body:
            text = body.read(presets.MAX_DOCUMENT_BYTES + 1)
        try:
            return presets.parse(text), None
        except BrokenPresetsError as error:
            return self._last_valid(), f"The newest presets document is not used. {error}"

    def _last_valid(self) -> Presets:
        listed = self._client.list_object_versions(
            Bucket=self._bucket, Prefix=KEY, MaxKeys=_MAX_VERSIONS
        )
        for version in listed.get("Versions", []):
            if version["Key"] != KEY or version["Size"] > presets.MAX_DOCUMENT_BYTES:
                continue
            response = self._client.get_object(
                Bucket=self._bucket, Key=KEY, VersionId=version["VersionId"]
            )
            with response["Body"] as body:
                text = body.read()
            try:
                return presets.parse(text)
            except BrokenPresetsError:
                continue
        return presets.shipped()
