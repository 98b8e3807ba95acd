"""Zip a batch: write one part of its outputs as a zip file, each named by the id of its row."""

from collections.abc import Iterator
from dataclasses import dataclass

from darkroom.domain.batch import Batch, Result
from darkroom.domain.file_names import row_name
from darkroom.domain.references import S3Object, parse_reference
from darkroom.ports import Batches, BatchFiles, ZipEntry, Zips
from darkroom.usecases.batches.end_batch import JSONL


@dataclass(frozen=True)
class ZipBatch:
    """Write one part of a batch's zip files."""

    batches: Batches
    files: BatchFiles
    zips: Zips

    def run(self, batch_id: str, number: int) -> bool:
        """Return whether the part was written; False if it exists, or if there is none. Idempotent.

        An output that was deleted is left out.
        """
        batch = self.batches.get(batch_id)
        if batch is None or batch.is_open or not 1 <= number <= len(batch.zip_parts):
            return False
        if number in self.zips.find(batch):
            return False
        self.zips.write(batch, number, self._entries(batch, number))
        return True

    def _entries(self, batch: Batch, number: int) -> Iterator[ZipEntry]:
        start = batch.zip_parts[number - 1].start
        end = batch.zip_parts[number].start if number < len(batch.zip_parts) else None
        names: set[str] = set()
        for result in self.files.read_results(batch.batch_id, JSONL):
            # Names are unique in all parts, since a person unpacks them into one folder.
            for output, (location, name) in enumerate(_named(result, names)):
                position = result.row, output
                if start <= position and (end is None or position < end):
                    yield ZipEntry(location, name)


def _named(result: Result, names: set[str]) -> Iterator[tuple[S3Object, str]]:
    """Yield the outputs of a row with their names, and add these to `names`."""
    stem = row_name(result.id, result.row)
    for uri in result.assets:
        location = parse_reference(uri)
        if not isinstance(location, S3Object):
            continue
        extension = location.key.rpartition(".")[2]
        name, copy = f"{stem}.{extension}", 1
        while name.casefold() in names:  # some file systems ignore case
            copy += 1
            name = f"{stem}-{copy}.{extension}"
        names.add(name.casefold())
        yield location, name
