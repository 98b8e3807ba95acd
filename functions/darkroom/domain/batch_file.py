"""Sheets: JSONL and CSV files as records; not yet requests."""

import csv
import io
from collections.abc import Iterator
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from pydantic_core import from_json

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.requests import AnyModel, Edit, TextToImage

MAX_BATCH_FILE_BYTES = 32 * 1000 * 1000
# Extensions, and the content types of such files.
BATCH_FILE_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
# How much like a field a column has to be to be taken for a slip.
_ALIKE = 0.8
FIELDS = {*TextToImage.model_fields, *Edit.model_fields, *AnyModel.model_fields, "id"}
# What a cell cannot say as it stands.
_NUMBERS, _JSON_CELLS = ("deadline_seconds",), ("input",)


class BatchFileFormat(StrEnum):
    """How a file is written."""

    JSONL = "jsonl"
    CSV = "csv"


def objects(text: str) -> Iterator[dict[str, Any] | InvalidRequestError]:
    """Yield the object in each line of JSONL, or what is wrong with it."""
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            told = from_json(line, allow_inf_nan=False)
        except ValueError:
            told = None
        is_object = isinstance(told, dict)
        yield told if is_object else InvalidRequestError.of("", "is not valid", "a JSON object")


def records(text: str, named: set[str] | None) -> Iterator[dict[str, Any] | InvalidRequestError]:
    """Yield each line of a CSV by its columns; raises InvalidRequestError if it is none.

    `named`: the columns of a template, None without one: then each has to be a request's field.
    """
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        _check_columns(columns, named)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _record(columns, cells)
    except csv.Error as error:
        raise InvalidRequestError.of("source", f"is no CSV: {error}", "CSV as in RFC 4180") from (
            None
        )


def _check_columns(columns: list[str], named: set[str] | None) -> None:
    for name in columns:
        if columns.count(name) > 1 or not name:
            problem = "has two columns of one name" if name else "has a column without a name"
            raise InvalidRequestError.of("source", problem, "a first line of distinct names")
    for name in sorted(set(columns) - FIELDS - (named or set())):
        if named is None or not is_extra(name):
            told = f"has the column {name[:100]}, which no request has and no template names"
            raise InvalidRequestError.of("source", told, ", ".join(sorted(FIELDS)))
    if missing := sorted((named or set()) - set(columns)):
        told = f"names the column {missing[0][:100]}, which the file lacks"
        raise InvalidRequestError.of("prompt", told, ", ".join(columns))


def is_extra(name: str) -> bool:
    """Whether a column is none of a request's fields, and no slip of the pen for one."""
    return name not in FIELDS and not get_close_matches(name.lower(), FIELDS, 1, _ALIKE)


def _record(columns: list[str], cells: list[str]) -> dict[str, Any] | InvalidRequestError:
    if len(cells) > len(columns):
        told = f"has {len(cells)} cells"
        return InvalidRequestError.of("", told, f"{len(columns)}, as the first line has")
    told_cells = {n: c.strip() for n, c in zip(columns, cells, strict=False) if c.strip()}
    record: dict[str, Any] = dict(told_cells)
    if "images" in record:
        record["images"] = record["images"].split()
    try:
        for name in record.keys() & set(_NUMBERS):
            record[name] = int(record[name])
        for name in record.keys() & set(_JSON_CELLS):
            record[name] = from_json(record[name], allow_inf_nan=False)
    except ValueError:
        allowed = "a JSON object" if name in _JSON_CELLS else "a whole number"
        return InvalidRequestError.of(name, "is not valid", allowed)
    return record


def guess(name: str, data: bytes) -> BatchFileFormat:
    """Return how a file is written, by its name, or else by how it begins."""
    if name.lower().endswith(".csv"):
        return BatchFileFormat.CSV
    if name.lower().endswith((".jsonl", ".ndjson")):
        return BatchFileFormat.JSONL
    return (
        BatchFileFormat.JSONL
        if data.lstrip(b"\xef\xbb\xbf \r\n")[:1] == b"{"
        else BatchFileFormat.CSV
    )
