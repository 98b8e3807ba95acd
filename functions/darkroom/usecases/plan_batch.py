"""Plan a batch: read its file, say what is wrong with which row, and what all of it will cost."""

from dataclasses import dataclass

from darkroom.domain.batch import RowProblem
from darkroom.domain.batch_file import MAX_BATCH_FILE_BYTES, BatchFileFormat, guess
from darkroom.domain.callers import Caller
from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.domain.references import (
    BadReferenceError,
    S3Object,
    Url,
    parse_reference,
)
from darkroom.domain.requests import JobRequest
from darkroom.domain.rows import Row, Template, rows_of
from darkroom.ports import BatchFiles, Prices, References

ALLOWED_SOURCES = "upload:<id> of POST /v1/uploads, or s3://bucket/key"


@dataclass(frozen=True)
class BatchFile:
    """A file of rows, and what is said for all of them."""

    source: str
    format: BatchFileFormat | None = None
    prompt: str | None = None
    defaults: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What would be done."""

    source: S3Object
    rows: list[Row]
    estimated_cost_micro_usd: int  # of all rows whose price is known
    unpriced_rows: int

    @property
    def good(self) -> int:
        """How many rows would become jobs."""
        return sum(row.request is not None for row in self.rows)

    def problems(self, most: int) -> tuple[RowProblem, ...]:
        """Return what is wrong with which rows."""
        found = [
            RowProblem(row=row.number, **dict(each)) for row in self.rows for each in row.errors
        ]
        return tuple(found[:most])


@dataclass(frozen=True)
class PlanBatch:
    """Read a file; nothing is started, stored or spent."""

    references: References
    files: BatchFiles
    prices: Prices
    max_deadline: int

    def __call__(self, batch_file: BatchFile, caller: Caller) -> Plan:
        """Return the plan; raises InvalidRequestError if the file as a whole cannot be used."""
        template = None if batch_file.prompt is None else Template(batch_file.prompt)
        source = self._find(batch_file.source, caller)
        data = self.files.read(source)
        rows = list(
            rows_of(
                data,
                batch_file.format or guess(source.key, data),
                template=template,
                defaults=dict(batch_file.defaults),
                max_deadline_seconds=self.max_deadline,
            )
        )
        if not rows:
            raise InvalidRequestError.of("source", "has no rows", "one row or more")
        prices = [self._price(row) for row in rows if row.request is not None]
        known = [price for price in prices if price is not None]
        return Plan(source, rows, sum(known), len(prices) - len(known))

    def _find(self, text: str, caller: Caller) -> S3Object:
        """Return the file, pinned to its version."""
        try:
            parsed = self.references.resolve(text) or parse_reference(text)
        except BadReferenceError as error:
            raise InvalidRequestError.of("source", str(error), ALLOWED_SOURCES) from None
        if isinstance(parsed, Url | bytes):
            raise InvalidRequestError.of("source", "is no object in S3", ALLOWED_SOURCES)
        found = self.references.inspect(parsed)
        if found is None or not found.is_readable_by(caller):
            told = "does not exist, or may not be read"
            raise InvalidRequestError.of("source", told, ALLOWED_SOURCES)
        if not 0 < found.size <= MAX_BATCH_FILE_BYTES:
            told = "is empty" if not found.size else "is too large"
            raise InvalidRequestError.of("source", told, f"1 to {MAX_BATCH_FILE_BYTES:,} bytes")
        return found.reference

    def _price(self, row: Row) -> int | None:
        request: JobRequest = parse_request(row.request, max_deadline_seconds=self.max_deadline)
        quote = self.prices.quote(request.model, request.input, len(request.references))
        return None if quote is None else quote.micro_usd
