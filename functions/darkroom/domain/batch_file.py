"""Batch files: their formats, and the objects of a JSONL file."""

import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from darkroom.domain.errors import InvalidRequestError
from darkroom.domain.values import Choice

MAX_BATCH_FILE_BYTES = 32 * 1000 * 1000
# File extensions and their content types.
BATCH_FILE_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
# Limits of what is held in memory before the rows are known.
_MAX_LINES, _MAX_JSON_LIST = 1_000_000, 8_000_000


class BatchFileFormat(Choice):
    """The format of a batch file."""

    JSONL = "jsonl"
    CSV = "csv"

    @classmethod
    def synonyms(cls) -> Mapping[str, str]:
        """Return the other names of both formats."""
        return {"tsv": cls.CSV, "ndjson": cls.JSONL, "json": cls.JSONL}


@dataclass(frozen=True)
class Record:
    """One row of a batch file: its used values by column, or its error."""

    line: int | None  # the line of the file on which the row begins, from 1
    values: dict[str, Any] = field(default_factory=dict)
    error: InvalidRequestError | None = None


def guess(name: str, data: bytes) -> BatchFileFormat:
    """Return the format of a file by its name, or else by its first characters."""
    if name.lower().endswith(".csv"):
        return BatchFileFormat.CSV
    if name.lower().endswith((".jsonl", ".ndjson")):
        return BatchFileFormat.JSONL
    start = data[:200].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    is_json = start[:1] == b"{" or re.match(rb"\[\s*\{", start)
    return BatchFileFormat.JSONL if is_json else BatchFileFormat.CSV


def refuse(message: str, allowed: str) -> InvalidRequestError:
    """Return the error of a whole file."""
    return InvalidRequestError.of("source", message, allowed)


def lines_of_text(text: str) -> list[str]:
    """Return the lines of a text with their line ends: CR LF, LF or CR.

    Raises InvalidRequestError if there are too many, or if a line has too many cells.
    """
    if max(text.count("\n"), text.count("\r")) > _MAX_LINES:
        allowed = f"at most {_MAX_LINES:,} lines"
        raise refuse(f"The file has too many lines. Use {allowed}.", allowed)
    return list(io.StringIO(text, newline=""))


def objects(text: str) -> Iterator[Record]:
    """Yield the object of each JSONL line, or the line's error; or the objects of a JSON list."""
    if text[:1000].lstrip()[:1] == "[":
        for value in _json_list(text):
            yield _object(None, value)
        return
    for line, source in enumerate(lines_of_text(text), 1):
        if not source.strip():
            continue
        try:
            value = from_json(source)
        except ValueError:
            value = None
        yield _object(line, value)


def _json_list(text: str) -> list[Any]:
    if len(text) > _MAX_JSON_LIST:
        allowed = f"at most {_MAX_JSON_LIST:,} characters"
        message = f"A JSON list has {allowed}. Use JSON Lines: one object per line."
        raise refuse(message, allowed)
    try:
        values = from_json(text)
    except ValueError as error:
        # The parser's message ends with the line and column.
        message = f"The file is not valid JSON: {error}. Use one JSON object per line."
        raise refuse(message, "JSON Lines, or a JSON list of objects") from None
    return values if isinstance(values, list) else [values]


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _object(line: int | None, value: object) -> Record:
    if isinstance(value, dict):
        # pandas and scripts write NaN for a missing value.
        return Record(line, {k: v for k, v in value.items() if not _is_missing(v)})
    error = InvalidRequestError.of("", "The line is not a JSON object.", "a JSON object")
    return Record(line, error=error)
