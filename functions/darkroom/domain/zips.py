"""Zip files of a batch's outputs: which of the outputs each file has."""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

# A part fits into the /tmp of ZipBatch, and is written within minutes. An output has at most
# 400 MB.
MAX_BYTES, MAX_FILES = 2_000_000_000, 1_000
MAX_PARTS = 100  # the batch record contains the list
# No run of ZipBatch, with its retries, still writes after this time.
MAKING = timedelta(minutes=50)
FOLDER = "zips/"  # of the assets bucket; its lifecycle rule deletes the files


class ZipPart(BaseModel):
    """One zip file: the outputs from its first one to before that of the next part."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    row: int = Field(description="Row of the first output.")
    output: int = Field(description="Index of the first output in its row.")
    files: int
    bytes: int = Field(description="Total size of the outputs.")

    @property
    def start(self) -> tuple[int, int]:
        """The position of the first output."""
        return self.row, self.output


class ZipPlan:
    """Divides outputs into parts, in the order of the rows."""

    def __init__(self) -> None:
        self._parts: list[ZipPart] = []

    def add(self, row: int, sizes: Sequence[int]) -> None:
        """Add the outputs of a row, of these sizes in bytes."""
        for output, size in enumerate(sizes):
            last = self._parts[-1] if self._parts else None
            if last is None or last.files == MAX_FILES or last.bytes + size > MAX_BYTES:
                self._parts.append(ZipPart(row=row, output=output, files=1, bytes=size))
            else:
                change = {"files": last.files + 1, "bytes": last.bytes + size}
                self._parts[-1] = last.model_copy(update=change)

    @property
    def parts(self) -> tuple[ZipPart, ...]:
        """The parts; empty if there are too many."""
        return tuple(self._parts) if len(self._parts) <= MAX_PARTS else ()


def zip_folder(batch_id: str) -> str:
    """Return the prefix of the keys of all zip files of a batch."""
    return f"{FOLDER}{batch_id}/"
