"""Collect a batch: count its rows by status, cancel jobs if requested, and write the results."""

import codecs
import csv
import io
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched
from typing import IO

from darkroom.domain import batch as domain
from darkroom.domain import chain_state
from darkroom.domain.batch import Batch, BatchStatus, Counts, Result, RowStatus
from darkroom.domain.callers import Caller
from darkroom.domain.errors import EndedError
from darkroom.domain.job import Job
from darkroom.domain.zips import ZipPlan
from darkroom.ports import Batches, BatchFiles, Clock, Jobs
from darkroom.usecases.batches.end_batch import CSV, JSONL, EndBatch
from darkroom.usecases.jobs.cancel_job import CancelJob

_PAGE = 100  # records; DynamoDB reads at most 100 items in one call
_IN_MEMORY = 8_000_000  # bytes; larger results are spooled to disk
# Where a spreadsheet could read a formula: at the beginning of a cell, and after a character that
# separates cells or rows in some locales, such as a semicolon. Full-width signs count as well.
_SEPARATORS = r";|\t\v\f\r\n\x1c-\x1e\x85\u2028\u2029"
_BEFORE_FORMULA = re.compile(
    rf"""^(?=[\t\r\n])|(?:^|(?<=[{_SEPARATORS}]))"""
    rf"""(?=(?:[^\S{_SEPARATORS}]|["\u200b\ufeff])*[=+\-@\uff1d\uff0b\uff0d\uff20])"""
)
_COLUMNS = (
    "row", "id", "status", "job_id", "code", "message", "charged", "cost_usd", "assets",
)  # fmt: skip


@dataclass
class _Snapshot:
    """Counts, costs and result files of one pass over all rows."""

    jsonl: IO[bytes]
    csv: IO[bytes]
    statuses: Counter[RowStatus] = field(default_factory=Counter)
    spent: int = 0
    uncertain: int = 0
    zips: ZipPlan = field(default_factory=ZipPlan)

    @property
    def counts(self) -> Counts:
        return Counts(**{str(status): number for status, number in self.statuses.items()})

    def add(self, result: Result) -> None:
        self.statuses[result.status] += 1
        self.spent += result.spent_micro_usd
        self.uncertain += result.uncertain_micro_usd
        self.zips.add(result.row, result.sizes)
        self.jsonl.write(result.model_dump_json().encode() + b"\n")
        self.csv.write(_csv_line(_cells(result)))


@dataclass(frozen=True)
class CollectBatch:
    """Pass over all rows once; the state machine repeats it until every row has ended."""

    batches: Batches
    files: BatchFiles
    jobs: Jobs
    cancel: CancelJob
    end: EndBatch
    now: Clock

    def run(self, batch_id: str, can_continue: Callable[[], bool] = lambda: True) -> int:
        """Return the seconds until the next pass, or 0 if the batch has ended. Idempotent.

        Jobs of a canceled batch are canceled while `can_continue` returns True; the next pass
        cancels the remaining jobs.
        """
        batch = self.batches.get(batch_id)
        if batch is None:
            return 0
        if not batch.is_open:
            self.end.publish_end(batch)
            return 0
        with (
            tempfile.SpooledTemporaryFile(_IN_MEMORY) as jsonl,
            tempfile.SpooledTemporaryFile(_IN_MEMORY) as csv_file,
        ):
            snapshot = _Snapshot(jsonl, csv_file)
            snapshot.csv.write(codecs.BOM_UTF8 + _csv_line(_COLUMNS))
            for result in self._results(batch, can_continue):
                snapshot.add(result)
            changes = {
                "counts": snapshot.counts,
                "spent_micro_usd": snapshot.spent,
                "uncertain_micro_usd": snapshot.uncertain,
            }
            if not snapshot.counts.open:
                self._write(batch, jsonl, JSONL, "application/x-ndjson")
                self._write(batch, csv_file, CSV, "text/csv; charset=utf-8")
                status = BatchStatus.CANCELED if batch.canceled_at else BatchStatus.COMPLETED
                self.end.run(batch, status, zip_parts=snapshot.zips.parts or None, **changes)
                return 0
        elapsed = (self.now() - batch.accepted_at).total_seconds()
        eta_seconds = domain.eta(snapshot.counts, elapsed)
        self.batches.update(
            batch_id, when=[BatchStatus.RUNNING], eta_seconds=eta_seconds, **changes
        )
        return domain.collect_interval(eta_seconds, elapsed)

    def _results(self, batch: Batch, can_continue: Callable[[], bool]) -> Iterator[Result]:
        refusals = self.batches.refusals(batch.batch_id)
        for rows in batched(self.files.rows(batch.batch_id), _PAGE, strict=False):
            job_ids = [batch.job_of(row.number) for row in rows if row.request is not None]
            jobs = {job.job_id: job for job in self.jobs.many(job_ids)}
            further = self._further(list(jobs.values()))
            for row in rows:
                job = jobs.get(batch.job_of(row.number))
                if job is not None and batch.canceled_at is not None and can_continue():
                    job = self._canceled(batch, job)
                chain = chain_state.of(job, further) if job and job.chain_request else None
                yield domain.result_of(batch, row, job, refusals.get(row.number), chain)

    def _further(self, roots: list[Job]) -> list[Job]:
        """Return the jobs of the further steps of the rows' chains."""
        ids = [
            job_id
            for root in roots
            for job_id in (*root.chain_jobs, *root.chain_replaced)
            if job_id != root.job_id
        ]
        return self.jobs.many(ids) if ids else []

    def _canceled(self, batch: Batch, job: Job) -> Job:
        if not (job.is_open or job.has_open_chain) or job.canceled_at is not None:
            return job
        with suppress(EndedError):
            return self.cancel.run(Caller(name=batch.caller), job.job_id)
        return job

    def _write(self, batch: Batch, file: IO[bytes], name: str, content_type: str) -> None:
        file.seek(0)
        self.files.write_results(batch.batch_id, name, file, content_type)


def _cells(result: Result) -> tuple[object, ...]:
    cost = result.cost_micro_usd
    return (
        result.row,
        result.id or "",
        result.status,
        result.job_id or "",
        result.code or "",
        result.message or "",
        result.charged,
        "" if cost is None else f"{cost / 1_000_000:.6f}",
        " ".join(result.assets),
    )


def _csv_line(cells: tuple[object, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(map(_plain_cell, cells))
    return text.getvalue().encode()


def _plain_cell(cell: object) -> object:
    """Return a cell that a spreadsheet shows as text: an apostrophe goes before a formula."""
    return _BEFORE_FORMULA.sub("'", cell) if isinstance(cell, str) else cell
