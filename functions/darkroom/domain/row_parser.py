"""Row parser: the records of a batch file as requests, or as problems."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from darkroom.domain.batch import BatchColumn
from darkroom.domain.batch_file import BatchFileFormat, Record, objects
from darkroom.domain.cells import split_references
from darkroom.domain.columns import (
    FIELDS,
    ID,
    MAX_COLUMNS,
    SETTING,
    data_columns,
    field_of,
    is_id,
    resembles,
    set_twice,
)
from darkroom.domain.decoding import decode
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME, REQUIRED, at_step, parse_request
from darkroom.domain.references import (
    BadReferenceError,
    parse_reference,
    reference_problem,
    require_image,
    require_size,
)
from darkroom.domain.requests import JobRequest, Operation, Output
from darkroom.domain.rows import Row
from darkroom.domain.sheet import Sheet
from darkroom.domain.template import Template
from darkroom.domain.values import given, whole

MAX_ROWS = 10_000
# Characters of all filled prompts of a batch, which are in memory at once.
MAX_PROMPTS = 64_000_000
_MAX_ID = 256
_SAMPLES, _MAX_SAMPLE, _MAX_COLUMNS = 3, 100, 200  # rows, characters, and columns of a plan
_MAX_LISTED = _MAX_WARNINGS = 20  # columns in a warning, and warnings of a file
# A brace that a template or a prompt has as text, around the name of a column.
_LITERAL = re.compile(r"\{([^{}]{1,100})\}")
# Two or more bytes of UTF-8 as Windows-1252 shows them.
_CONTINUATION = re.escape(bytes(range(0x80, 0xC0)).decode("cp1252", "ignore"))
_MOJIBAKE = re.compile(f"[\u00c2-\u00f4][{_CONTINUATION}]{{1,3}}")


class Rows:
    """The rows of a batch file. Iterating yields each row, and its request if the row is valid.

    Iterating raises InvalidRequestError if the whole file cannot be used. `warnings` are complete
    after the last row.
    """

    def __init__(
        self,
        data: bytes,
        file_format: BatchFileFormat,
        template: Template | None,
        defaults: Mapping[str, Any],
        fields: Mapping[str, str] | None,
    ) -> None:
        self._data = data
        self._format = file_format
        self._template = template
        self._mapped = fields
        self._fields = fields or {}
        self._names = data_columns(None if template is None else template.names, fields)
        self._defaults = given(defaults)
        self._columns: dict[str, None] = {}
        self._samples: list[Mapping[str, Any]] = []  # the first rows
        self._ids: dict[str, int] = {}
        self._prompts = 0  # characters
        # The first row of each column name in a prompt, or in the prompt of a step.
        self._literal: dict[str, int] = {}
        self._in_steps: dict[str, int] = {}
        # The first row with a text in a wrong encoding, the text, and the right text.
        self._garbled: tuple[int, str, str] | None = None
        self._requests: dict[int, int] = {}  # the first row of each request, by hash
        self._repeated: list[tuple[int, int]] = []  # rows, and the first row with the same request
        self._filled = 0  # rows with the template's prompt

    def __iter__(self) -> Iterator[tuple[Row, JobRequest | None]]:
        for number, record in enumerate(self._records(), 1):
            if number > MAX_ROWS:
                message = (
                    f"The file has more than {MAX_ROWS:,} rows: line {record.line}. Split it into"
                    " smaller files."
                )
                raise InvalidRequestError.of("source", message, f"at most {MAX_ROWS:,}")
            yield self._row(number, record)
            if self._prompts > MAX_PROMPTS:
                message = (
                    f"The prompts up to line {record.line} have more than"
                    f" {MAX_PROMPTS // 1_000_000} million characters. Split the file."
                )
                allowed = f"at most {MAX_PROMPTS:,} characters"
                raise InvalidRequestError.of("prompt", message, allowed)

    def _records(self) -> Iterable[Record]:
        text = decode(self._data, self._format)
        if self._format is BatchFileFormat.CSV:
            template = self._template
            sheet = Sheet(text, None if template is None else template.names, self._mapped)
            self._columns |= dict.fromkeys(sheet.columns)
            self._samples = list(sheet.samples(_SAMPLES))
            return sheet
        return objects(text)

    def _row(self, number: int, record: Record) -> tuple[Row, JobRequest | None]:
        values, line = record.values, record.line
        row_id: object = None
        try:
            if record.error is not None:
                raise record.error
            if self._format is BatchFileFormat.JSONL:
                values = self._object(values)
            row_id = whole(self._row_id(values))
            _check_id(row_id, number, self._ids)
            body = self._request(values)
            request = parse_request(body)
            _check_references(request)
            self._note(request, number)
            row = Row(number=number, line=line, id=_id(row_id), request=body)
        except InvalidRequestError as error:
            problems = error.problems
            if self._format is BatchFileFormat.CSV:
                setters = {field_of(name, self._names) or name: name for name in values}
                setters |= self._fields
                problems = [_name_column(problem, setters) for problem in problems]
            return Row(number=number, line=line, id=_id(row_id), errors=tuple(problems)), None
        return row, request

    def _object(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of a JSON object, with those of the fields that the request maps."""
        if len(self._columns) < MAX_COLUMNS:
            self._columns |= dict.fromkeys(values)
        if len(self._samples) < _SAMPLES:
            self._samples.append(values)
        mapped = {
            SETTING + field: values[column]
            for field, column in self._fields.items()
            if column in values
        }
        return values | mapped

    def _row_id(self, values: Mapping[str, Any]) -> object:
        row_id = values.get(SETTING + ID if ID in self._fields else ID)
        if row_id is None and ID not in self._fields:
            row_id = next((value for column, value in values.items() if is_id(column)), None)
        return None if row_id == "" else row_id

    def _request(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request of a row. Values of the row override the defaults."""
        settings: dict[str, Any] = {}
        setters: dict[str, str] = {}
        for column, value in values.items():
            field = field_of(column, self._names)
            if field is None or (value == "" and field != "prompt"):
                continue
            if field == ID and ID in self._fields:
                continue
            if field in settings:
                raise set_twice(field, setters[field], column)
            settings[field], setters[field] = value, column
        body = {**self._defaults, **settings}
        # A row's own prompt overrides the template.
        if self._template is not None and not settings.get("prompt"):
            body["prompt"] = self._template.fill(values)
            self._filled += 1
            self._prompts += len(body["prompt"])
        if isinstance(body.get("images"), str):
            body["images"] = split_references(body["images"])
        if "operation" not in body and "model" not in body:
            body["operation"] = Operation.EDIT if "images" in body else Operation.TEXT_TO_IMAGE
        return body

    def _note(self, request: JobRequest, number: int) -> None:
        """Note a request that is valid, but probably not intended."""
        key = hash((request.model, str(request.input), request.references, str(request.then)))
        first = self._requests.setdefault(key, number)
        if first != number:
            self._repeated.append((number, first))
        self._note_prompt(request.input.get("prompt"), number, self._literal)
        for step in request.then:
            self._note_prompt(step.input.get("prompt"), number, self._in_steps)

    def _note_prompt(self, prompt: object, number: int, literal: dict[str, int]) -> None:
        if not isinstance(prompt, str):
            return
        if "{" in prompt:
            for name in _LITERAL.findall(prompt):
                if name in self._columns:
                    literal.setdefault(name, number)
        if self._garbled is None and not prompt.isascii() and (found := _garbled(prompt)):
            self._garbled = number, *found

    @property
    def columns(self) -> tuple[BatchColumn, ...]:
        """The first columns, with values of the first rows. Complete after iterating."""
        return tuple(
            BatchColumn(
                name=name[:MAX_FIELD_NAME],
                field=self._field(name),
                in_prompt=self._template is not None and name in self._template.names,
                samples=tuple(
                    _sample(values[name]) for values in self._samples if values.get(name, "") != ""
                ),
            )
            for name in islice(self._columns, _MAX_COLUMNS)
        )

    def _field(self, column: str) -> str | None:
        mapped = next((name for name, of in self._fields.items() if of == column), None)
        if mapped is not None:
            return mapped
        if is_id(column):
            return None if ID in self._fields else ID
        field = field_of(column, self._names)
        return field if field in FIELDS else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is valid, but probably not intended."""
        return tuple(islice(self._warn(), _MAX_WARNINGS))

    def _warn(self) -> Iterator[str]:
        if self._filled > 1 and self._template and not self._template.names:
            yield (
                f"The prompt names no column, so {self._filled:,} rows have the same prompt. Write"
                " {product} to insert the column product."
            )
        elif self._repeated:
            number, first = self._repeated[0]
            yield (
                f"{len(self._repeated):,} rows have the same request as an earlier row: row"
                f" {number} is the same as row {first}. Each row is one image."
            )
        if self._template and self._requests and not self._filled:
            yield "Each valid row has its own prompt, so the template is not used."
        if self._garbled:
            number, text, right = self._garbled
            yield (
                f'The prompt of row {number} has the text "{text}", probably "{right}" read in a'
                " wrong encoding."
            )
        for name, number in self._literal.items():
            hint = "Use single braces" if self._template else "Pass the prompt as a template"
            yield (
                f"The prompt of row {number} has the text {{{name}}}, and {name} is a column."
                f" {hint} to insert the column."
            )
        for name, number in self._in_steps.items():
            yield (
                f"A step of row {number} has the text {{{name}}}, and {name} is a column. A"
                " template fills only the first prompt. Write the steps into each row."
            )
        yield from self._warn_of_columns()

    def _warn_of_columns(self) -> Iterator[str]:
        for field, column in self._fields.items():
            if column not in self._columns:
                yield f'No row has the column "{column[:MAX_FIELD_NAME]}" for `{field}`.'
        used = {*(self._names or ()), *self._fields.values()}
        unused: list[str] = []
        for column in self._columns:
            if field_of(column, self._names) or column in used or is_id(column):
                continue
            setting = resembles(column)
            if setting is None:
                unused.append(column)
                continue
            shown = column[:MAX_FIELD_NAME]
            yield (
                f'Column "{shown}" looks like the setting {setting}, but is not used. To set'
                f' {setting}, name the column "{SETTING}{setting}".'
            )
        if unused:
            listed = ", ".join(f'"{column[:MAX_FIELD_NAME]}"' for column in unused[:_MAX_LISTED])
            more = f" and {len(unused) - _MAX_LISTED:,} more" if unused[_MAX_LISTED:] else ""
            yield f"These columns are not used: {listed}{more}."


def rows_of(
    data: bytes,
    form: BatchFileFormat,
    *,
    template: Template | None,
    defaults: Mapping[str, Any],
    fields: Mapping[str, str] | None = None,
) -> Rows:
    """Return the rows of a batch file.

    `defaults` are the fields that a row does not set. `fields` has the columns of fields; with it,
    every column without the name of a field is data.
    """
    return Rows(data, form, template, defaults, fields)


def _sample(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SAMPLE else f"{text[:_MAX_SAMPLE]}…"


def _garbled(text: str) -> tuple[str, str] | None:
    """Return the first text that is UTF-8 read as Windows-1252, and the right text."""
    for match in _MOJIBAKE.finditer(text):
        try:
            return match[0], match[0].encode("cp1252").decode()
        except UnicodeError:
            continue
    return None


def _name_column(problem: FieldProblem, setters: Mapping[str, str]) -> FieldProblem:
    """Return the problem of a CSV row with its field named as a column.

    `setters` has the column of each field.
    """
    field = problem.field
    name = f'Column "{setters.get(field, field)}"'
    if problem.allowed == REQUIRED and "." not in field:
        return problem.model_copy(update={"message": f"{name} is missing or empty."})
    if field not in setters:  # a value of the template or of the defaults
        return problem
    return problem.model_copy(update={"message": problem.message.replace(f"`{field}`", name, 1)})


def _check_references(request: JobRequest) -> None:
    """Raise InvalidRequestError if a reference of a step is not valid. No reference is read."""
    problems: list[FieldProblem] = []
    for number, step in enumerate((request, *request.then)):
        for index, image in enumerate(step.references):
            try:
                if isinstance(image, str) and not isinstance(image, Output):
                    _check_reference(image)
            except BadReferenceError as error:
                problem = reference_problem(index, error)
                problems.append(at_step(number, problem) if number else problem)
    if problems:
        raise InvalidRequestError(problems)


def _check_reference(text: str) -> None:
    if re.fullmatch(r"upload:\S+", text):
        return
    parsed = parse_reference(text)
    if isinstance(parsed, bytes):
        require_size(len(parsed))
        require_image(parsed[:64])


def _check_id(row_id: object, number: int, ids: dict[str, int]) -> None:
    if row_id is None:
        return
    text = _id(row_id)
    if text is None:
        allowed = f"1 to {_MAX_ID} characters, or a whole number"
        raise InvalidRequestError.of("id", f"`id` must be {allowed}.", allowed)
    first = ids.setdefault(text, number)
    if first != number:
        message = f"`id` is the same as in row {first}. Give each row its own id, or none."
        raise InvalidRequestError.of("id", message, "an id of its own, or none")


def _id(row_id: object) -> str | None:
    if isinstance(row_id, bool) or not isinstance(row_id, str | int):
        return None
    text = str(row_id)
    return text if 1 <= len(text) <= _MAX_ID else None
