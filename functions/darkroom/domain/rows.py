"""Rows: the records of a batch file as requests, or as problems."""

import json
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.domain.batch_file import ID, BatchFileFormat, field_of, objects, records, set_twice
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME, REQUIRED, parse_request
from darkroom.domain.references import BadReferenceError, parse_reference, reference_problem
from darkroom.domain.requests import JobRequest, Operation

MAX_ROWS = 10_000
_MAX_ID = 256
_BRACES = "columns in braces, as in {product} on white; {{ for a brace"


class Row(BaseModel):
    """One row of a batch file as it is stored: a request or problems. `number` starts at 1."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    number: int
    id: str | None = None
    request: dict[str, Any] | None = None
    errors: tuple[FieldProblem, ...] = ()


class Template:
    """A prompt with columns in braces. Raises InvalidRequestError if the text is not valid."""

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise InvalidRequestError.of(
                "prompt", f"`prompt` is not a valid template: {error}. Use {_BRACES}.", _BRACES
            ) from None
        self.names = {name for _, name, _, _ in parts if name is not None}
        for _, name, form, conversion in parts:
            if name is not None and (not name or form or conversion or set(name) & set("[].")):
                message = f"`prompt` has braces without a column name. Use {_BRACES}."
                raise InvalidRequestError.of("prompt", message, _BRACES)

    def fill(self, columns: Mapping[str, Any]) -> str:
        """Return the prompt of a row. Raises InvalidRequestError if a column has no value."""
        missing = sorted(name for name in self.names if columns.get(name) in (None, ""))
        if missing:
            raise InvalidRequestError([_no_value(name[:MAX_FIELD_NAME]) for name in missing])
        return self._text.format_map({name: str(columns[name]) for name in self.names})


def _no_value(name: str) -> FieldProblem:
    return FieldProblem(
        field=name,
        message=f'Column "{name}" is empty, but the prompt uses {{{name}}}.',
        allowed="a value, since the prompt's template names the column",
    )


def rows_of(
    data: bytes,
    form: BatchFileFormat,
    *,
    template: Template | None,
    defaults: Mapping[str, Any],
) -> Iterator[tuple[Row, JobRequest | None]]:
    """Yield every row, and its parsed request if the row is valid.

    Raises InvalidRequestError if the whole file cannot be used.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "The file is not in UTF-8. Save it as UTF-8."
        raise InvalidRequestError.of("source", message, "UTF-8") from None
    is_csv = form is BatchFileFormat.CSV
    names = None if template is None else template.names
    ids: dict[str, int] = {}
    for number, columns in enumerate(records(text, names) if is_csv else objects(text), 1):
        if number > MAX_ROWS:
            message = f"The file has more than {MAX_ROWS:,} rows. Split it into smaller files."
            raise InvalidRequestError.of("source", message, f"at most {MAX_ROWS:,}")
        row_id: object = None
        try:
            if isinstance(columns, InvalidRequestError):
                raise columns
            row_id = columns.get(ID)
            _check_id(row_id, number, ids)
            body = _request(columns, template, defaults)
            request = parse_request(body)
            _check_references(request)
            yield Row(number=number, id=_id(row_id), request=body), request
        except InvalidRequestError as error:
            problems = error.problems
            if is_csv and isinstance(columns, dict):
                setters = {field_of(name, names) or name: name for name in columns}
                problems = [_name_column(problem, setters) for problem in problems]
            yield Row(number=number, id=_id(row_id), errors=tuple(problems)), None


def at_row(number: int, text: str) -> str:
    """Return `text`, one or more sentences, as a text about row `number`."""
    # An abbreviation such as HEIC keeps its case.
    is_word = text[:2].istitle()
    return f"Row {number}: {text[:1].lower() if is_word else text[:1]}{text[1:]}"


def _name_column(problem: FieldProblem, setters: Mapping[str, str]) -> FieldProblem:
    """Return the problem of a CSV row with its field named as a column.

    `setters` has the column of each field.
    """
    field = problem.field
    name = f'Column "{setters.get(field, field)}"'
    if problem.allowed == REQUIRED:
        return problem.model_copy(update={"message": f"{name} is missing or empty."})
    if field not in setters:  # a value of the template or of the defaults
        return problem
    return problem.model_copy(update={"message": problem.message.replace(f"`{field}`", name, 1)})


def _request(
    columns: Mapping[str, Any], template: Template | None, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the request of a row. Values of the row override `defaults`."""
    names = None if template is None else template.names
    settings: dict[str, Any] = {}
    for column, value in columns.items():
        field = field_of(column, names)
        if field is None:
            continue
        if field in settings:
            raise set_twice(field, field)
        settings[field] = value
    body = {**defaults, **settings}
    # A row's own prompt overrides the template.
    if template is not None and not settings.get("prompt"):
        body["prompt"] = template.fill(columns)
    if "operation" not in body and "model" not in body:
        body["operation"] = Operation.EDIT if body.get("images") else Operation.TEXT_TO_IMAGE
    return body


def _check_references(request: JobRequest) -> None:
    """Raise InvalidRequestError if the form of a reference is not valid. No reference is read."""
    problems: list[FieldProblem] = []
    for index, image in enumerate(request.references):
        try:
            if isinstance(image, str) and not image.startswith("upload:"):
                parse_reference(image)
        except BadReferenceError as error:
            problems.append(reference_problem(index, error))
    if problems:
        raise InvalidRequestError(problems)


def _check_id(row_id: object, number: int, ids: dict[str, int]) -> None:
    if row_id is None:
        return
    if _id(row_id) is None:
        allowed = f"1 to {_MAX_ID} characters, or a whole number"
        raise InvalidRequestError.of("id", f"`id` must be {allowed}.", allowed)
    first = ids.setdefault(str(row_id), number)
    if first != number:
        message = f"`id` is the same as in row {first}. Give each row its own id, or none."
        raise InvalidRequestError.of("id", message, "an id of its own, or none")


def _id(row_id: object) -> str | None:
    is_id = isinstance(row_id, str | int) and not isinstance(row_id, bool)
    return str(row_id) if is_id and 1 <= len(str(row_id)) <= _MAX_ID else None


def chunks(lines: list[bytes], rows: int, size: int) -> list[dict[str, int]]:
    """Return the byte spans of chunks of a file of `lines`.

    A chunk has at most `rows` lines and, if it has more than one line, at most `size` bytes.
    """
    spans: list[dict[str, int]] = []
    start = end = count = 0
    for line in lines:
        if count and (count == rows or end - start + len(line) > size):
            spans.append({"start": start, "end": end})
            start, count = end, 0
        end, count = end + len(line), count + 1
    return [*spans, {"start": start, "end": end}] if count else spans


def line_of(row: Row) -> bytes:
    """Return a row as one JSON line."""
    record = row.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(record, ensure_ascii=False).encode(errors="replace") + b"\n"
