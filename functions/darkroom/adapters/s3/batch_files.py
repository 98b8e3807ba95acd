"""Batch files in S3: the caller's batch file, its parsed rows, and its results."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import IO, TYPE_CHECKING

from darkroom.domain.references import S3Object
from darkroom.domain.rows import Row

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

ROWS, CHUNKS = "rows.jsonl", "chunks.json"
_FOLDER = "batches/"


def key_of(batch_id: str, name: str) -> str:
    """Return the key of a batch's file in the assets bucket."""
    return f"{_FOLDER}{batch_id}/{name}"


class BatchBucket:
    """Port `BatchFiles` on S3; `bucket` is the assets bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

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

    def _put(self, batch_id: str, name: str, body: bytes | IO[bytes], content_type: str) -> None:
        self._client.put_object(
            Bucket=self._bucket, Key=key_of(batch_id, name), Body=body, ContentType=content_type
        )
