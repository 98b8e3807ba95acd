"""The ports of batches: records and files in memory."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO
from zipfile import ZipFile

from darkroom.domain.batch import Batch, BatchStatus, Refusal, Result
from darkroom.domain.references import S3Object
from darkroom.domain.rows import Row
from darkroom.ports import Cursor, ZipEntry
from tests.fakes.storage import InMemoryAssets, InMemoryReferences


@dataclass
class InMemoryBatches:
    """The port Batches."""

    records: dict[str, Batch] = field(default_factory=dict)
    refusals_by_batch: dict[str, dict[int, Refusal]] = field(default_factory=dict)

    def create(self, batch: Batch) -> bool:
        if batch.batch_id in self.records:
            return False
        self.records[batch.batch_id] = batch
        return True

    def get(self, batch_id: str) -> Batch | None:
        return self.records.get(batch_id)

    def update(
        self, batch_id: str, *, when: Sequence[BatchStatus], **changes: object
    ) -> Batch | None:
        unknown = changes.keys() - Batch.model_fields.keys()
        assert not unknown, f"a batch has no {unknown}"
        batch = self.records.get(batch_id)
        if batch is None or batch.status not in when:
            return None
        merged = {
            name: value for name, value in (dict(batch) | changes).items() if value is not None
        }
        self.records[batch_id] = Batch.model_validate(merged)
        return self.records[batch_id]

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        matching = [batch for batch in self.records.values() if caller in (None, batch.caller)]
        matching.sort(key=lambda batch: (batch.accepted_at, batch.batch_id), reverse=True)
        if after:
            position = (after.accepted_at, after.job_id)
            matching = [
                batch for batch in matching if (batch.accepted_at, batch.batch_id) < position
            ]
        page = matching[:limit]
        last = Cursor(page[-1].accepted_at, page[-1].batch_id) if len(matching) > limit else None
        return page, last

    def due(self, before: datetime) -> list[Batch]:
        due = [
            batch
            for batch in self.records.values()
            if batch.sweep_after is not None and batch.sweep_after <= before
        ]
        return sorted(due, key=lambda batch: str(batch.sweep_after))

    def refuse(self, batch: Batch, refusal: Refusal) -> None:
        self.refusals_by_batch.setdefault(batch.batch_id, {})[refusal.row] = refusal

    def refusals(self, batch_id: str) -> dict[int, Refusal]:
        return dict(self.refusals_by_batch.get(batch_id, {}))


@dataclass
class InMemoryBatchFiles:
    """The port BatchFiles, on the same objects as the port References."""

    references: InMemoryReferences
    lines: dict[str, bytes] = field(default_factory=dict)
    chunks: dict[str, object] = field(default_factory=dict)
    written: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def read(self, source: S3Object) -> bytes:
        version = int((source.version_id or "v1").removeprefix("v"))
        return self.references.objects[source.bucket, source.key][version - 1]

    def write_rows(self, batch_id: str, lines: Sequence[bytes], chunks: object) -> None:
        self.lines[batch_id] = b"".join(lines)
        self.chunks[batch_id] = chunks

    def rows(self, batch_id: str, span: Mapping[str, int] | None = None) -> Iterator[Row]:
        data = self.lines[batch_id]
        chunk = data if span is None else data[span["start"] : span["end"]]
        yield from map(Row.model_validate_json, chunk.splitlines())

    def write_results(self, batch_id: str, name: str, file: IO[bytes], content_type: str) -> None:
        self.written[batch_id, name] = file.read()

    def rewrite_results(self, batch_id: str, name: str, change: Callable[[bytes], bytes]) -> None:
        if data := self.written.get((batch_id, name)):
            lines = map(change, data.splitlines(keepends=True))
            self.written[batch_id, name] = b"".join(lines)

    def read_results(self, batch_id: str, name: str) -> Iterator[Result]:
        for line in self.written[batch_id, name].splitlines():
            yield Result.model_validate_json(line)

    def erase_rows(self, batch_id: str) -> None:
        self.lines.pop(batch_id, None)

    def results(self, batch_id: str, name: str) -> S3Object:
        return S3Object(bucket=self.references.bucket, key=f"batches/{batch_id}/{name}")


@dataclass
class InMemoryZips:
    """The port Zips, on the same objects as the port Assets."""

    assets: InMemoryAssets

    def find(self, batch: Batch) -> frozenset[int]:
        folder = batch.zip_folder
        keys = (key for key in self.assets.files if key.startswith(folder))
        return frozenset(int(key.removeprefix(folder).removesuffix(".zip")) for key in keys)

    def location(self, batch: Batch, number: int) -> S3Object:
        return S3Object(bucket=self.assets.bucket, key=f"{batch.zip_folder}{number}.zip")

    def write(self, batch: Batch, number: int, entries: Iterable[ZipEntry]) -> None:
        file = io.BytesIO()
        with ZipFile(file, "w") as archive:
            for entry in entries:
                if (data := self.assets.files.get(entry.location.key)) is not None:
                    archive.writestr(entry.name, data)
        self.assets.files[self.location(batch, number).key] = file.getvalue()


@dataclass
class InMemoryZipFunction:
    """The port ZipFunction. It records what was started; the tests run it."""

    started: list[tuple[str, int]] = field(default_factory=list)

    def start(self, batch_id: str, number: int) -> None:
        self.started.append((batch_id, number))
