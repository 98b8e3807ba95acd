"""The owner's presets: one JSON object in the assets bucket, its older versions behind it."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.domain import presets
from darkroom.domain.presets import BrokenPresetsError, Presets

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "config/presets.json"
_LOOK_BACK = 20  # versions


class PresetDocument:
    """The port PresetStore over S3: the newest version that is whole serves, else the shipped."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self) -> tuple[Presets, str | None]:
        """Return what serves, and what is wrong with a newer one that cannot."""
        try:
            newest = self._client.get_object(Bucket=self._bucket, Key=KEY)
        except ClientError as error:
            # There is none, or its owner took it away: that is a decision, and not broken.
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return presets.shipped(), None
            raise
        with newest["Body"] as body:
            text = body.read(presets.MAX_DOCUMENT_BYTES + 1)
        try:
            return presets.parse(text), None
        except BrokenPresetsError as error:
            return self._last_good(), f"the newest document cannot serve: {error}"

    def _last_good(self) -> Presets:
        listed = self._client.list_object_versions(
            Bucket=self._bucket, Prefix=KEY, MaxKeys=_LOOK_BACK
        )
        for version in listed.get("Versions", []):
            if version["Key"] != KEY or version["Size"] > presets.MAX_DOCUMENT_BYTES:
                continue
            answer = self._client.get_object(
                Bucket=self._bucket, Key=KEY, VersionId=version["VersionId"]
            )
            with answer["Body"] as body:
                text = body.read()
            try:
                return presets.parse(text)
            except BrokenPresetsError:
                continue
        return presets.shipped()
