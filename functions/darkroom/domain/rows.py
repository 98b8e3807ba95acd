"""Rows: each of a file made a request, or told what is wrong with it."""

import json
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from pydantic import BaseModel, ConfigDict

from darkroom.domain.batch_file import FIELDS, BatchFileFormat, is_extra, objects, records
from darkroom.domain.errors import FieldProblem, InvalidRequestError
from darkroom.domain.parsing import parse_request
from darkroom.domain.references import ALLOWED_FORMS, BadReferenceError, parse_reference
from darkroom.domain.requests import Operation

MAX_ROWS = 10_000
_MAX_ID = 256


class Row(BaseModel):
    """One row, by its place among the rows, from 1: a request, or what is wrong with it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, defer_build=True)

    number: int
    id: str | None = None
    request: dict[str, Any] | None = None
    errors: tuple[FieldProblem, ...] = ()


class Template:
    """A prompt with columns in braces; raises InvalidRequestError if it cannot be read."""

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise InvalidRequestError.of("prompt", f"is no template: {error}", _BRACES) from None
        self.names = {name for _, name, _, _ in parts if name is not None}
        for _, name, form, conversion in parts:
            if name is not None and (not name or form or conversion or set(name) & set("[].")):
                raise InvalidRequestError.of("prompt", "has braces without a column", _BRACES)

    def fill(self, columns: Mapping[str, Any]) -> str:
        """Return the prompt of a row; raises InvalidRequestError where a column has no value."""
        missing = sorted(name for name in self.names if columns.get(name) in (None, ""))
        if missing:
            raise InvalidRequestError(
                [FieldProblem(field=name, message="is missing", allowed="the prompt's template"
                              " names it: a value") for name in missing]
            )  # fmt: skip
        return self._text.format_map({name: str(columns[name]) for name in self.names})


_BRACES = "columns in braces, as in {product} on white; {{ for a brace"


def rows_of(
    data: bytes,
    form: BatchFileFormat,
    *,
    template: Template | None,
    defaults: Mapping[str, Any],
    max_deadline_seconds: int,
) -> Iterator[Row]:
    """Yield every row; raises InvalidRequestError if the file as a whole cannot be used."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequestError.of("source", "is not in UTF-8", "UTF-8") from None
    names = None if template is None else template.names
    found = objects(text) if form is BatchFileFormat.JSONL else records(text, names)
    ids: dict[str, int] = {}
    for number, columns in enumerate(found, 1):
        if number > MAX_ROWS:
            raise InvalidRequestError.of("source", "has too many rows", f"at most {MAX_ROWS:,}")
        own: object = None
        try:
            if isinstance(columns, InvalidRequestError):
                raise columns
            own = columns.get("id")
            _check_id(own, number, ids)
            request = _request(columns, template, defaults)
            _check(request, max_deadline_seconds)
            yield Row(number=number, id=_id(own), request=request)
        except InvalidRequestError as error:
            yield Row(number=number, id=_id(own), errors=tuple(error.problems))


def _request(
    columns: Mapping[str, Any], template: Template | None, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the request of a row: what it says, before what is said for all."""
    names = set() if template is None else template.names
    # A template is for sheets that have other columns, too.
    extra = set() if template is None else {name for name in columns if is_extra(name)}
    body = {name: value for name, value in columns.items() if name not in names | extra | {"id"}}
    body = {**defaults, **body, **{name: columns[name] for name in names & FIELDS & set(columns)}}
    body.pop("id", None)
    # A prompt of the row's own counts, unless it is a part of the template.
    if template is not None and ("prompt" in names or not columns.get("prompt")):
        body["prompt"] = template.fill({**defaults, **columns})
    if "operation" not in body and "model" not in body:
        body["operation"] = Operation.EDIT if body.get("images") else Operation.TEXT_TO_IMAGE
    return body


def _check(body: Mapping[str, Any], max_deadline_seconds: int) -> None:
    """Raise InvalidRequestError if it is no request, as far as can be told without looking."""
    request = parse_request(body, max_deadline_seconds=max_deadline_seconds)
    problems: list[FieldProblem] = []
    for index, text in enumerate(request.references):
        try:
            if not text.startswith("upload:"):
                parse_reference(text)
        except BadReferenceError as error:
            told = FieldProblem(field=f"images.{index}", message=str(error), allowed=ALLOWED_FORMS)
            problems.append(told)
    if problems:
        raise InvalidRequestError(problems)


def _check_id(own: object, number: int, ids: dict[str, int]) -> None:
    if own is None:
        return
    if _id(own) is None:
        allowed = f"1 to {_MAX_ID} characters, or a whole number"
        raise InvalidRequestError.of("id", "is not valid", allowed)
    first = ids.setdefault(str(own), number)
    if first != number:
        raise InvalidRequestError.of("id", f"is that of row {first}", "an id of its own, or none")


def _id(own: object) -> str | None:
    is_id = isinstance(own, str | int) and not isinstance(own, bool)
    return str(own) if is_id and 1 <= len(str(own)) <= _MAX_ID else None


def chunks(lines: list[bytes], rows: int, size: int) -> list[dict[str, int]]:
    """Return where each part of a file of `lines` lies, in bytes: few rows, or few bytes."""
    found: list[dict[str, int]] = []
    start = end = count = 0
    for line in lines:
        if count and (count == rows or end - start + len(line) > size):
            found.append({"start": start, "end": end})
            start, count = end, 0
        end, count = end + len(line), count + 1
    return [*found, {"start": start, "end": end}] if count else found


def line_of(row: Row) -> bytes:
    """Return a row as a line of a file."""
    told = row.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(told, ensure_ascii=False).encode(errors="replace") + b"\n"
