"""The provider's models in memory and in the assets bucket, for all instances of a function."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.domain.catalogue import Catalogue
from darkroom.ports import Clock, Models

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "models/list.json.gz"
_MAX_AGE = timedelta(hours=2)
_RETRY = timedelta(minutes=1)  # until the next attempt without a newer list
# Without the permission to list the bucket, S3 denies access to a missing object.
_MISSING = ("NoSuchKey", "404", "AccessDenied", "403")


class StoredModels:
    """Port `Models`: the list of `source`, at most two hours old unless `source` fails.

    A cold start reads the copy in the bucket. `report` receives the error of a failed read or write
    of the copy, which is only a cache.
    """

    def __init__(
        self,
        source: Models,
        client: "S3Client",
        bucket: str,
        now: Clock,
        report: Callable[[Exception], None],
    ) -> None:
        self._source = source
        self._client = client
        self._bucket = bucket
        self._now = now
        self._report = report
        self._catalogue: Catalogue | None = None
        self._next_read: datetime | None = None

    def read(self) -> Catalogue | None:
        """Return the models; None if neither the provider nor the bucket has them."""
        now = self._now()
        if self._next_read is None or now >= self._next_read:
            stored = self._load()
            is_current = stored is not None and now < stored.read_at + _MAX_AGE
            fetched = None if is_current else self._source.read()
            if fetched is not None:
                self._store(fetched)
            self._catalogue = fetched or stored or self._catalogue
            newest = fetched or (stored if is_current else None)
            self._next_read = now + _RETRY if newest is None else newest.read_at + _MAX_AGE
        return self._catalogue

    def _load(self) -> Catalogue | None:
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=KEY)
            with response["Body"] as body:
                return Catalogue.decompressed(body.read())
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                self._report(error)
        except (BotoCoreError, ValueError) as error:
            self._report(error)
        return None

    def _store(self, catalogue: Catalogue) -> None:
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=KEY,
                Body=catalogue.compressed(),
                ContentType="application/gzip",
            )
        except (BotoCoreError, ClientError) as error:
            self._report(error)
