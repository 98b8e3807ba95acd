"""The zip files of batches in the assets bucket."""

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from typing import IO, TYPE_CHECKING
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from botocore.exceptions import ClientError

from darkroom.domain.batch import Batch
from darkroom.domain.references import S3Object
from darkroom.ports import ZipEntry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1 << 20  # bytes
_PERMISSIONS = 0o100644 << 16  # of a file, as Unix attributes


class ZipBucket:
    """Port `Zips` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def find(self, batch: Batch) -> frozenset[int]:
        """Return the numbers of the parts that exist."""
        folder = batch.zip_folder
        # One page: a batch has at most 100 parts.
        page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=folder)
        names = (item["Key"].removeprefix(folder) for item in page.get("Contents", ()))
        return frozenset(int(name.removesuffix(".zip")) for name in names)

    def location(self, batch: Batch, number: int) -> S3Object:
        """Return the location of a part."""
        return S3Object(bucket=self._bucket, key=f"{batch.zip_folder}{number}.zip")

    def write(self, batch: Batch, number: int, entries: Iterable[ZipEntry]) -> None:
        """Write a part with the entries that exist.

        The file is on disk first: a zip file whose sizes follow the data is unreadable for some
        programs. Images are compressed already, so they are stored as they are.
        """
        with tempfile.TemporaryFile() as file:
            with ZipFile(file, "w", ZIP_STORED) as archive:
                for entry in entries:
                    self._add(archive, entry, batch.accepted_at)
            file.seek(0)
            # In parts, of which a few are in memory.
            self._client.upload_fileobj(
                file,
                self._bucket,
                self.location(batch, number).key,
                ExtraArgs={"ContentType": "application/zip"},
            )

    def _add(self, archive: ZipFile, entry: ZipEntry, time: datetime) -> None:
        location = entry.location
        try:
            response = self._client.get_object(Bucket=location.bucket, Key=location.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return  # erased, or expired
            raise
        info = ZipInfo(entry.name, time.timetuple()[:6])
        info.external_attr = _PERMISSIONS
        target: IO[bytes]
        with closing(response["Body"]) as body, archive.open(info, "w") as target:
            shutil.copyfileobj(body, target, _CHUNK)
