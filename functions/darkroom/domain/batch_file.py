"""Batch files: the records of JSONL and CSV files, before they become requests."""

import csv
import io
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic_core import from_json

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME, RETIRED_FIELDS
from darkroom.domain.requests import AnyModel, Edit, TextToImage

MAX_BATCH_FILE_BYTES = 32 * 1000 * 1000
# File extensions and their content types.
BATCH_FILE_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
# A column with this prefix sets a request field even if the prompt template uses the field's name.
SETTING = "setting:"
ID = "id"  # the column with the caller's own id of a row

_ANNOTATIONS = {
    name: field.annotation
    for model in (TextToImage, Edit, AnyModel)
    for name, field in model.model_fields.items()
}
# The columns with a meaning: the fields of a request, and the id.
FIELDS = {*_ANNOTATIONS, ID}
# Similarity, from 0 to 1, from which a column counts as a misspelled field.
_MISSPELLED = 0.8
_MAX_LISTED = 50  # columns in a message


class BatchFileFormat(StrEnum):
    """The format of a batch file."""

    JSONL = "jsonl"
    CSV = "csv"


def field_of(column: str, template_columns: Collection[str] | None) -> str | None:
    """Return the request field that a column sets; None if the column is data.

    `template_columns` are the columns that the prompt template names: they are data. With a
    template, columns for other uses are data as well.
    """
    if column.startswith(SETTING):
        return column.removeprefix(SETTING).strip()
    if column == ID:
        return None
    is_data = template_columns is not None and (column in template_columns or _is_extra(column))
    return None if is_data else column


@lru_cache(maxsize=1024)
def _is_extra(name: str) -> bool:
    """Return whether a column is neither a request field, a retired field, nor a misspelled one."""
    return (
        name not in FIELDS
        and name not in RETIRED_FIELDS
        and not get_close_matches(name.lower(), FIELDS, 1, _MISSPELLED)
    )


def objects(text: str) -> Iterator[dict[str, Any] | InvalidRequestError]:
    """Yield the object of each JSONL line, or the line's error."""
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            value = from_json(line, allow_inf_nan=False)
        except ValueError:
            value = None
        yield (
            value
            if isinstance(value, dict)
            else InvalidRequestError.of("", "The line is not a JSON object.", "a JSON object")
        )


def records(
    text: str, template_columns: set[str] | None
) -> Iterator[dict[str, Any] | InvalidRequestError]:
    """Yield each CSV row as a dict by column, or the row's error.

    `template_columns` are the columns that the prompt template names. Without a template (None),
    every column must be a field of a request. Raises InvalidRequestError if the file is not CSV or
    a column is not valid.
    """
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        _check_columns(columns, template_columns)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _record(columns, cells, template_columns)
    except csv.Error as error:
        raise InvalidRequestError.of(
            "source",
            f"The file is not valid CSV near line {reader.line_num}: {error}."
            " Use CSV as in RFC 4180.",
            "CSV as in RFC 4180",
        ) from None


def _check_columns(columns: list[str], template_columns: set[str] | None) -> None:
    setters: dict[str, str] = {}
    for number, name in enumerate(columns, 1):
        if not name:
            raise InvalidRequestError.of(
                "source",
                f"Column {number} of the file has no name. Name every column in the first line.",
                "a first line of distinct names",
            )
        if columns.count(name) > 1:
            raise InvalidRequestError.of(
                "source",
                f"The file has two columns {_quoted(name)}. Give every column its own name.",
                "a first line of distinct names",
            )
        field = field_of(name, template_columns)
        if field is None:
            continue
        if field not in _ANNOTATIONS:
            fields = ", ".join(sorted(FIELDS))
            hint = RETIRED_FIELDS.get(field, f"Use one of {fields}.")
            message = (
                f"Column {_quoted(name)} is not a field of a request, and no prompt template uses"
                f" it. {hint}"
            )
            raise InvalidRequestError.of("source", message, fields)
        if setters.setdefault(field, name) != name:
            raise set_twice("source", field)
    if missing := sorted((template_columns or set()) - set(columns)):
        listed = ", ".join(name[:MAX_FIELD_NAME] for name in columns[:_MAX_LISTED])
        name = missing[0][:MAX_FIELD_NAME]
        message = (
            f"The prompt uses {{{name}}}, but the file has no column {_quoted(name)}."
            f" Its columns are {listed}."
        )
        raise InvalidRequestError.of("prompt", message, listed)


def set_twice(subject: str, field: str) -> InvalidRequestError:
    """Return the error of a field with two columns. `subject` is the field of the error."""
    message = f'The columns "{field}" and "{SETTING}{field}" set the same field. Remove one.'
    return InvalidRequestError.of(subject, message, "one of the two columns")


def _record(
    columns: list[str], cells: list[str], template_columns: set[str] | None
) -> dict[str, Any] | InvalidRequestError:
    if len(cells) > len(columns):
        return InvalidRequestError.of(
            "",
            f"There are {len(cells)} cells, but the first line has {len(columns)} columns.",
            f"{len(columns)}, as the first line has",
        )
    record: dict[str, Any] = {
        name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()
    }
    for name, cell in record.items():
        field = field_of(name, template_columns) or ""
        read, allowed = _CELL_READERS.get(field, (str, ""))
        try:
            record[name] = read(cell)
        except ValueError:
            message = f"Column {_quoted(name)} must be {allowed}."
            return InvalidRequestError.of(field, message, allowed)
    return record


def _read_json(cell: str) -> Any:
    return from_json(cell, allow_inf_nan=False)


# How a cell of each type of field is read, and the allowed values. Other cells are plain text.
_READERS: dict[type, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    dict: (_read_json, "a JSON object"),
    tuple: (str.split, "a list separated by spaces"),
}


def _types(annotation: Any) -> Iterator[object]:
    """Yield the types of a field without their parameters: int and None of `int | None`."""
    origin = get_origin(annotation)
    if origin in (Annotated, Union, UnionType):
        for argument in get_args(annotation):
            yield from _types(argument)
    else:
        yield origin or annotation


_CELL_READERS = {
    name: _READERS[kind]
    for name, annotation in _ANNOTATIONS.items()
    for kind in _types(annotation)
    if isinstance(kind, type) and kind in _READERS
}


def _quoted(name: str) -> str:
    return f'"{name[:MAX_FIELD_NAME]}"'


def guess(name: str, data: bytes) -> BatchFileFormat:
    """Return the format of a file by its name, or else by its first character."""
    if name.lower().endswith(".csv"):
        return BatchFileFormat.CSV
    if name.lower().endswith((".jsonl", ".ndjson")):
        return BatchFileFormat.JSONL
    return (
        BatchFileFormat.JSONL
        if data.lstrip(b"\xef\xbb\xbf \r\n")[:1] == b"{"
        else BatchFileFormat.CSV
    )
