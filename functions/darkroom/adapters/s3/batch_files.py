"""Batch files in S3: the caller's batch file, its parsed rows, and its results."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.adapters.s3.versions import ObjectVersions
from darkroom.domain.batch import Result
from darkroom.domain.references import S3Object
from darkroom.domain.rows import Row

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

ROWS, CHUNKS = "rows.jsonl", "chunks.json"
_FOLDER = "batches/"
_IN_MEMORY = 8_000_000  # bytes; larger results are spooled to disk
_TRIES = 10  # of a rewrite, if another writer has replaced the file
_REPLACED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "409", "412"})


def key_of(batch_id: str, name: str) -> str:
    """Return the key of a batch's file in the assets bucket."""
    return f"{_FOLDER}{batch_id}/{name}"


class BatchBucket:
    """Port `BatchFiles` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._versions = ObjectVersions(client, bucket)

    def read(self, source: S3Object) -> bytes:
        """Return the content of the caller's batch file."""
        request: GetObjectRequestTypeDef = {"Bucket": source.bucket, "Key": source.key}
        if source.version_id:
            request["VersionId"] = source.version_id
        with self._client.get_object(**request)["Body"] as body:
            return body.read()

    def write_rows(self, batch_id: str, lines: Sequence[bytes], chunks: object) -> None:
        """Store the parsed rows, and the byte ranges of their chunks."""
        self._put(batch_id, ROWS, b"".join(lines), "application/x-ndjson")
        self._put(batch_id, CHUNKS, json.dumps(chunks).encode(), "application/json")

    def rows(self, batch_id: str, span: Mapping[str, int] | None = None) -> Iterator[Row]:
        """Yield the rows, or those in a span of bytes from `start` to before `end`."""
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": key_of(batch_id, ROWS)}
        if span is not None:
            request["Range"] = f"bytes={span['start']}-{span['end'] - 1}"
        body = self._client.get_object(**request)["Body"]
        with closing(body):
            for line in body.iter_lines(chunk_size=1 << 20):
                yield Row.model_validate_json(line)

    def write_results(self, batch_id: str, name: str, file: IO[bytes], content_type: str) -> None:
        """Store a result file."""
        self._put(batch_id, name, file, content_type)

    def results(self, batch_id: str, name: str) -> S3Object:
        """Return the location of a result file."""
        return S3Object(bucket=self._bucket, key=key_of(batch_id, name))

    def read_results(self, batch_id: str, name: str) -> Iterator[Result]:
        """Yield the results in a file of JSON lines, in the order of the rows."""
        location = self.results(batch_id, name)
        body = self._client.get_object(Bucket=location.bucket, Key=location.key)["Body"]
        with closing(body):
            for line in body.iter_lines(chunk_size=1 << 20):
                yield Result.model_validate_json(line)

    def rewrite_results(self, batch_id: str, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace each line by `change(line)`, unless the file has changed since; then try again.

        The versions that were replaced are deleted. A missing file is no error.
        """
        location = self.results(batch_id, name)
        if any(self._rewrite(location, change) for _ in range(_TRIES)):
            self._versions.erase_replaced(location)
            return
        raise RuntimeError(f"the file was replaced {_TRIES} times during the rewrite")

    def erase_rows(self, batch_id: str) -> None:
        """Delete every version of the parsed rows."""
        self._versions.erase(self.results(batch_id, ROWS))

    def _rewrite(self, location: S3Object, change: Callable[[bytes], bytes]) -> bool:
        """Return whether the lines were replaced; False if another writer was faster."""
        try:
            response = self._client.get_object(Bucket=location.bucket, Key=location.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return True
            raise
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            has_changed = False
            with closing(response["Body"]) as body:
                for line in body.iter_lines(chunk_size=1 << 20, keepends=True):
                    changed = change(line)
                    has_changed = has_changed or changed != line
                    file.write(changed)
            if not has_changed:
                return True
            file.seek(0)
            try:
                self._client.put_object(
                    Bucket=location.bucket,
                    Key=location.key,
                    Body=file,
                    ContentType=response["ContentType"],
                    IfMatch=response["ETag"],
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in _REPLACED:
                    raise
                return False
        return True

    def _put(self, batch_id: str, name: str, body: bytes | IO[bytes], content_type: str) -> None:
        self._client.put_object(
            Bucket=self._bucket, Key=key_of(batch_id, name), Body=body, ContentType=content_type
        )
