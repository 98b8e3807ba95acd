"""The batches: their records, their files, and the machine that runs them."""

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
        """Store a new record; False if there is one with this id already."""

    def get(self, batch_id: str) -> Batch | None:
        """Return the record, read consistently."""

    def update(
        self, batch_id: str, *, when: Sequence[BatchStatus], **changes: object
    ) -> Batch | None:
        """Change fields if the status is one of `when`; None, and nothing changed, if it is not.

        A change to None removes the field.
        """

    def page(
        self, caller: str | None, *, limit: int, after: Cursor | None
    ) -> tuple[list[Batch], Cursor | None]:
        """Return a caller's batches, or everybody's, newest first, and where to go on."""

    def due(self, before: datetime) -> list[Batch]:
        """Return batches whose `sweep_after` has come, the longest overdue first; 100 at most."""

    def refuse(self, batch: Batch, refusal: Refusal) -> None:
        """Note why a row became no job."""

    def refusals(self, batch_id: str) -> dict[int, Refusal]:
        """Return those notes by their rows."""


class BatchFiles(Protocol):
    """What lies in S3 of a batch."""

    def read(self, source: S3Object) -> bytes:
        """Return the file that somebody wrote."""

    def write_rows(self, batch_id: str, lines: Sequence[bytes], chunks: object) -> None:
        """Store the rows as they were understood, and where each part of them lies."""

    def rows(self, batch_id: str, span: Mapping[str, int] | None = None) -> Iterator[Row]:
        """Yield the rows, or those in a span of bytes from `start` to before `end`."""

    def write_results(self, batch_id: str, name: str, file: IO[bytes], content_type: str) -> None:
        """Store a result file."""

    def results(self, batch_id: str, name: str) -> S3Object:
        """Return where a result file lies."""


class BatchWorkflow(Protocol):
    """The batches' state machine."""

    def start(self, batch: Batch) -> bool:
        """Start the execution of the batch's attempt; a second start does nothing: False."""

    def status(self, batch: Batch) -> Execution | None:
        """Return how that execution stands; None if there is none."""
