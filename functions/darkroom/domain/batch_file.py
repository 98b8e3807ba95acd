"""Batch files: the records of JSONL and CSV files, before they become requests."""

import csv
import io
from collections.abc import Iterator
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from pydantic_core import from_json

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.parsing import MAX_FIELD_NAME, RETIRED_FIELDS
from darkroom.domain.requests import AnyModel, Edit, TextToImage

MAX_BATCH_FILE_BYTES = 32 * 1000 * 1000
# File extensions and their content types.
BATCH_FILE_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
FIELDS = {*TextToImage.model_fields, *Edit.model_fields, *AnyModel.model_fields, "id"}

# Similarity, from 0 to 1, from which a column counts as a misspelled field.
_MISSPELLED = 0.8
# Columns whose cells are not plain strings.
_NUMBER_COLUMNS, _JSON_COLUMNS = ("deadline_seconds",), ("input",)
_MAX_LISTED = 50  # columns in a message


class BatchFileFormat(StrEnum):
    """The format of a batch file."""

    JSONL = "jsonl"
    CSV = "csv"


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
                yield _record(columns, cells)
    except csv.Error as error:
        raise InvalidRequestError.of(
            "source",
            f"The file is not valid CSV near line {reader.line_num}: {error}."
            " Use CSV as in RFC 4180.",
            "CSV as in RFC 4180",
        ) from None


def _check_columns(columns: list[str], template_columns: set[str] | None) -> None:
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
    fields = ", ".join(sorted(FIELDS))
    for name in sorted(set(columns) - FIELDS - (template_columns or set())):
        if template_columns is None or not is_extra(name):
            hint = RETIRED_FIELDS.get(name, f"Use one of {fields}.")
            message = (
                f"Column {_quoted(name)} is not a field of a request, and no prompt template uses"
                f" it. {hint}"
            )
            raise InvalidRequestError.of("source", message, fields)
    if missing := sorted((template_columns or set()) - set(columns)):
        listed = ", ".join(name[:MAX_FIELD_NAME] for name in columns[:_MAX_LISTED])
        name = missing[0][:MAX_FIELD_NAME]
        message = (
            f"The prompt uses {{{name}}}, but the file has no column {_quoted(name)}."
            f" Its columns are {listed}."
        )
        raise InvalidRequestError.of("prompt", message, listed)


def is_extra(name: str) -> bool:
    """Return whether a column is neither a request field, a retired field, nor a misspelled one."""
    return (
        name not in FIELDS
        and name not in RETIRED_FIELDS
        and not get_close_matches(name.lower(), FIELDS, 1, _MISSPELLED)
    )


def _record(columns: list[str], cells: list[str]) -> dict[str, Any] | InvalidRequestError:
    if len(cells) > len(columns):
        return InvalidRequestError.of(
            "",
            f"There are {len(cells)} cells, but the first line has {len(columns)} columns.",
            f"{len(columns)}, as the first line has",
        )
    record: dict[str, Any] = {
        name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()
    }
    if "images" in record:
        record["images"] = record["images"].split()
    try:
        for name in record.keys() & set(_NUMBER_COLUMNS):
            record[name] = int(record[name])
        for name in record.keys() & set(_JSON_COLUMNS):
            record[name] = from_json(record[name], allow_inf_nan=False)
    except ValueError:
        allowed = "a JSON object" if name in _JSON_COLUMNS else "a whole number"
        return InvalidRequestError.of(name, f"Column {_quoted(name)} must be {allowed}.", allowed)
    return record


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
