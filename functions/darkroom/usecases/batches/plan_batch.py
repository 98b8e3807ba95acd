"""Plan a batch: read its file, check every row, and estimate the cost."""

from dataclasses import dataclass

from darkroom.domain.batch import BatchColumn, RequestPreview, RowProblem
from darkroom.domain.batch_file import MAX_BATCH_FILE_BYTES, BatchFileFormat, guess
from darkroom.domain.callers import Caller
from darkroom.domain.chain import priced_input
from darkroom.domain.columns import FIELDS, column_name
from darkroom.domain.errors import ForbiddenError, InvalidRequestError, megabytes
from darkroom.domain.parsing import RETIRED_FIELDS, at_step, unknown_field
from darkroom.domain.pricing import UnknownPrices
from darkroom.domain.references import (
    BadReferenceError,
    S3Object,
    Url,
    parse_reference,
)
from darkroom.domain.requests import JobRequest, models_of
from darkroom.domain.row_parser import rows_of
from darkroom.domain.rows import Row, at_row
from darkroom.domain.template import Template
from darkroom.ports import BatchFiles, Prices, References

_PREVIEWS = 3  # requests in a plan
_MAX_REFERENCE = 8192  # characters of a URL in a preview
ALLOWED_SOURCES = "upload:<id> of POST /v1/uploads, or s3://bucket/key"


@dataclass(frozen=True)
class BatchFile:
    """A batch file and the settings that apply to all of its rows."""

    source: str
    format: BatchFileFormat | None = None
    prompt: str | None = None
    defaults: tuple[tuple[str, object], ...] = ()
    # Those of the API key. Another key of the caller can repeat the request of a batch.
    key_defaults: tuple[tuple[str, object], ...] = ()
    columns: tuple[tuple[str, str], ...] | None = None  # fields and their columns


@dataclass(frozen=True)
class Plan:
    """The rows of a batch and their estimated cost."""

    source: S3Object
    rows: list[Row]
    estimated_cost_micro_usd: int  # of all rows whose price is known
    cheapest_micro_usd: int | None  # price of the cheapest row; None if no price is known
    unpriced_rows: int
    warnings: tuple[str, ...]
    previews: tuple[RequestPreview, ...]  # the first requests
    columns: tuple[BatchColumn, ...] = ()

    @property
    def valid_rows(self) -> int:
        """The number of valid rows."""
        return sum(row.request is not None for row in self.rows)

    def problems(self, most: int) -> tuple[RowProblem, ...]:
        """Return the first `most` problems of the rows. Each message names its row."""
        problems = [
            RowProblem(
                row=row.number,
                line=row.line,
                field=problem.field,
                message=at_row(row.number, problem.message),
                allowed=problem.allowed,
            )
            for row in self.rows
            for problem in row.errors
        ]
        return tuple(problems[:most])


@dataclass(frozen=True)
class PlanBatch:
    """Read a batch file without starting, storing or spending anything."""

    references: References
    files: BatchFiles
    prices: Prices
    unknown_prices: UnknownPrices

    def run(self, batch_file: BatchFile, caller: Caller) -> Plan:
        """Return the plan.

        Raises InvalidRequestError if the whole file cannot be used, or ForbiddenError if the caller
        may not use a model of a row.
        """
        template = None if batch_file.prompt is None else Template(batch_file.prompt)
        defaults = dict(batch_file.defaults)
        _reject_retired(defaults)
        fields = None if batch_file.columns is None else _fields(batch_file.columns)
        source = self._find(batch_file.source, caller)
        data = self.files.read(source)
        file_format = batch_file.format or guess(source.key, data)
        defaults = dict(batch_file.key_defaults) | defaults
        parsed = rows_of(data, file_format, template=template, defaults=defaults, fields=fields)
        rows: list[Row] = []
        prices: list[int | None] = []
        previews: list[RequestPreview] = []
        unknown = self.unknown_prices.problem(caller)
        for row, request in parsed:
            if request is not None:
                self._require_model(row, request, caller)
            costs = [] if request is None else self._costs(request)
            if None in costs and unknown is not None:
                step = costs.index(None)
                problem = at_step(step, unknown) if step else unknown
                rows.append(row.model_copy(update={"request": None, "errors": (problem,)}))
                continue
            rows.append(row)
            if request is not None:
                priced = [cost for cost in costs if cost is not None]
                prices.append(sum(priced) if len(priced) == len(costs) else None)
                if len(previews) < _PREVIEWS:
                    previews.append(_preview(row, request))
        if not rows:
            message = "The batch file has no rows. Add at least one row."
            raise InvalidRequestError.of("source", message, "one row or more")
        known = [price for price in prices if price is not None]
        return Plan(
            source,
            rows,
            sum(known),
            min(known, default=None),
            len(prices) - len(known),
            warnings=parsed.warnings,
            previews=tuple(previews),
            columns=parsed.columns,
        )

    def _find(self, text: str, caller: Caller) -> S3Object:
        """Return the batch file, pinned to its version. Raises InvalidRequestError."""
        try:
            parsed = self.references.resolve(text) or parse_reference(text)
        except BadReferenceError:
            parsed = b""
        if isinstance(parsed, Url | bytes):
            raise _bad_source(f"`source` must be {ALLOWED_SOURCES}.")
        stored = self.references.inspect(parsed)
        if stored is None or not stored.is_readable_by(caller):
            raise _bad_source("The batch file does not exist, or this caller may not read it.")
        if not 0 < stored.size <= MAX_BATCH_FILE_BYTES:
            message = (
                f"The batch file is {megabytes(stored.size)}; the limit is"
                f" {megabytes(MAX_BATCH_FILE_BYTES)}."
                if stored.size
                else "The batch file is empty."
            )
            allowed = f"1 to {MAX_BATCH_FILE_BYTES:,} bytes"
            raise InvalidRequestError.of("source", message, allowed)
        return stored.reference

    def _require_model(self, row: Row, request: JobRequest, caller: Caller) -> None:
        try:
            for model in models_of(request):
                caller.require_model(model)
        except ForbiddenError as error:
            raise ForbiddenError(at_row(row.number, str(error))) from None

    def _costs(self, request: JobRequest) -> list[int | None]:
        """Return the price of a request and of each further step; None if a price is unknown."""
        quotes = [
            self.prices.quote(step.model, priced_input(step.input), len(step.references))
            for step in (request, *request.then)
        ]
        return [None if quote is None else quote.micro_usd for quote in quotes]


def _preview(row: Row, request: JobRequest) -> RequestPreview:
    return RequestPreview(
        row=row.number,
        id=row.id,
        model=request.model,
        input=request.input,
        references=tuple(map(_shown, request.references)),
    )


def _shown(reference: str | S3Object) -> str:
    text = str(reference)
    is_data = text[:5].lower() == "data:" or len(text) > _MAX_REFERENCE
    return f"base64, {len(text):,} characters" if is_data else text


def _bad_source(message: str) -> InvalidRequestError:
    return InvalidRequestError.of("source", message, ALLOWED_SOURCES)


def _fields(columns: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return the column of each field. Raises InvalidRequestError for a name that is no field."""
    for name, _ in columns:
        if name not in FIELDS:
            problem = unknown_field(name, sorted(FIELDS))
            raise InvalidRequestError([problem.model_copy(update={"field": f"columns.{name}"})])
    return {name: column_name(column) for name, column in columns}


def _reject_retired(defaults: dict[str, object]) -> None:
    """Raise one InvalidRequestError for a retired field, instead of one problem per row."""
    for name in defaults.keys() & RETIRED_FIELDS.keys():
        problem = unknown_field(name, sorted(FIELDS))
        raise InvalidRequestError([problem.model_copy(update={"field": f"defaults.{name}"})])
