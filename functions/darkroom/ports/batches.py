"""Batches: their records, their files, and their state machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from darkroom.domain.batch import Batch, BatchStatus, Refusal
    from darkroom.domain.references import S3Object
    from darkroom.domain.rows import Row
    from darkroom.ports.records import Cursor
    from darkroom.ports.signals import Execution


class Batches(Protocol):
    """The batch records."""

    def create(self, batch: Batch) -> bool:
        """Store a new record. Returns False if a record with this id exists."""

    def get(self, batch_id: str) -> Batch | None:
        """Return the record with a consistent read; None without one."""

    def update(
        self, batch_id: str, *, when: Sequence[BatchStatus], **changes: object
    ) -> Batch | None:
        """Change fields if the status is one of `when`, and return the new record.

        Returns None, without a change, if the status is another. A change to None removes the
        field.
        """

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return the next batches, newest first, and the next cursor, which is None at the end.

        `caller` None returns the batches of every caller.
        """

    def due(self, before: datetime) -> list[Batch]:
        """Return at most 100 batches whose `sweep_after` is before `before`, oldest first."""

    def refuse(self, batch: Batch, refusal: Refusal) -> None:
        """Record why a row did not become a job."""

    def refusals(self, batch_id: str) -> dict[int, Refusal]:
        """Return the refusals of a batch, by row number."""


class BatchFiles(Protocol):
    """The files of a batch in S3."""

    def read(self, source: S3Object) -> bytes:
        """Return the content of the batch file."""

    def write_rows(self, batch_id: str, lines: Sequence[bytes], chunks: object) -> None:
        """Store the parsed rows, and the byte range of each chunk of rows."""

    def rows(self, batch_id: str, span: Mapping[str, int] | None = None) -> Iterator[Row]:
        """Yield the rows: all of them, or those in the byte range [`start`, `end`) of `span`."""

    def write_results(self, batch_id: str, name: str, file: IO[bytes], content_type: str) -> None:
        """Store a result file."""

    def results(self, batch_id: str, name: str) -> S3Object:
        """Return the location of a result file."""


class BatchWorkflow(Protocol):
    """The state machine of batches."""

    def start(self, batch: Batch) -> bool:
        """Start the execution of the current attempt. Returns False if it was started before."""

    def status(self, batch: Batch) -> Execution | None:
        """Return the status of that execution; None without one."""
